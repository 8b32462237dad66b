"""Encodes pictures again that cannot be sent as they are: those to be turned, and those in CMYK."""

import io
from typing import Any

from PIL import Image, ImageCms, ImageFile, ImageOps, JpegImagePlugin

LARGEST_TURNED = 20_000_000
"""Bytes: what is kept obeys the same bound as what comes."""

_QUALITIES = (95, 85, 75)
"""A photograph that came with much loss may grow beyond the bound when it is written with little."""
_ORIENTATION = 0x0112
_TURNED = range(2, 9)


class NotEncodable(ValueError):  # noqa: N818
    """The picture can be decoded, but not kept in a form that can be sent."""


def is_turned(image: ImageFile.ImageFile) -> bool:
    """Whether the picture is to be shown turned or mirrored (EXIF or XMP orientation 2 to 8)."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # metadata that nobody can read turns no picture
        return False
    return orientation in _TURNED


def encode(image: ImageFile.ImageFile, *, lossless: bool) -> bytes:
    """The picture upright, in the format that it came in, without metadata but its colour profile.

    Lossless stays lossless, but a colour's 16 bits a channel become 8. A JPEG has quality 95 and the
    subsampling that it came with. Raises `NotEncodable` when it gets too large, and for a CMYK
    picture that does not say how its inks are written.
    """
    upright = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK":
        upright, profile = _in_rgb(upright, image), None
    # What is left in `info` is written too: comments, and an orientation in XMP among them.
    upright.info = {name: found for name, found in upright.info.items() if name == "transparency"}
    for options in _options(image, lossless=lossless):
        file = io.BytesIO()
        upright.save(file, image.format, icc_profile=profile, exif=b"", **options)
        if file.tell() <= LARGEST_TURNED:
            return file.getvalue()
    raise NotEncodable(
        f"would have more than {LARGEST_TURNED:,} bytes once it stands upright and is in RGB; "
        "send it so, and smaller"
    )


def _options(image: ImageFile.ImageFile, *, lossless: bool) -> list[dict[str, Any]]:
    if image.format == "JPEG":
        sampling = JpegImagePlugin.get_sampling(image)
        # 4:4:4 for what has no such sampling: grey, and inks.
        subsampling = max(sampling, 0)
        return [{"quality": quality, "subsampling": subsampling} for quality in _QUALITIES]
    if image.format == "WEBP" and not lossless:
        return [{"quality": quality, "method": 2} for quality in _QUALITIES]
    if image.format == "WEBP":
        # Effort 0: a lossless picture of 40 megapixels takes a minute with the usual effort.
        return [{"lossless": True, "exact": True, "quality": 0, "method": 0}]
    # 3 takes half the time of the usual 6, for a fifth more bytes.
    return [{"compress_level": level} for level in (3, 6)]


def _in_rgb(upright: Image.Image, image: ImageFile.ImageFile) -> Image.Image:
    """Pillow takes every CMYK JPEG as Adobe writes it, inverted. Another one would come negative."""
    if "adobe" not in image.info:
        raise NotEncodable(
            "is a CMYK JPEG that does not say how its inks are written; send it in RGB"
        )
    profile = image.info.get("icc_profile")
    if profile:
        try:
            found = ImageCms.profileToProfile(
                upright,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            found = None  # a profile that is damaged, or of other colours
        if found is not None:
            return found
    return upright.convert("RGB")
