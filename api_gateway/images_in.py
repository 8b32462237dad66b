"""Judges an image by its content: its real type, its size, and whether it can be decoded whole."""

import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from api_gateway import jpeg_file, png_file, upright, webp_file
from api_gateway.image_kinds import name_of
from api_gateway.outline import Outline

LARGEST_IMAGE = 20_000_000
"""Bytes."""

# 40 megapixels take 200 to 600 MB while they are decoded, and up to 900 MB (a WebP with alpha) when
# they are turned too: two at a time are enough for two cores, and a thousand small files that
# unpack to as much cannot fill the memory together.
_decoders = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Picture:
    """An image that was decoded whole, as it is kept: `data` and all else are of the upright one."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class _Format:
    outline: Callable[[bytes], Outline]
    reader: type[ImageFile.ImageFile]


_FORMATS = {
    "a JPEG": _Format(jpeg_file.outline, JpegImagePlugin.JpegImageFile),
    "a PNG": _Format(png_file.outline, PngImagePlugin.PngImageFile),
    "a WebP": _Format(webp_file.outline, WebPImagePlugin.WebPImageFile),
}


def examine(data: bytes) -> Picture:
    """The picture to keep: byte for byte as it came, unless it must be turned or is in CMYK.

    Raises `ValueError`, in words for the sender, for what is not one whole image that can be used.
    """
    if not data:
        raise ValueError("is empty")
    if len(data) > LARGEST_IMAGE:
        raise ValueError(f"must have at most {LARGEST_IMAGE:,} bytes, not {len(data):,}")
    name = name_of(data)
    found = _FORMATS.get(name or "")
    if found is None:
        known = f"is {name}" if name else "is no image that is known here"
        raise ValueError(f"{known}; send a JPEG, PNG or WebP image")
    outline = found.outline(data)
    with _decoders:
        return _decode(found.reader, outline)


def _decode(reader: type[ImageFile.ImageFile], outline: Outline) -> Picture:
    # The readers are used directly: `Image.open` warns of large images before their size can be
    # looked at, and takes some JPEGs of telephones for a format of several pictures.
    data = outline.data
    try:
        with reader(io.BytesIO(data)) as image:
            image.load()
            width, height = image.size
            encode = upright.is_turned(image) or image.mode == "CMYK"
            if encode:
                data = upright.encode(image, lossless=outline.lossless)
    except upright.NotEncodable:
        raise
    except Exception as error:  # noqa: BLE001  # Pillow's readers raise whatever broken bytes lead to
        raise ValueError(f"cannot be decoded as {outline.content_type}: {_words(error)}") from None
    if encode:
        with reader(io.BytesIO(data)) as image:
            width, height = image.size
    return Picture(data, outline.content_type, width, height, hashlib.sha256(data).hexdigest())


def _words(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "it unpacks to too much"
    return str(error)[:200] or type(error).__name__
