"""Judges an image by its content: its real type, its size, and whether it can be decoded whole."""

import hashlib
import io
import threading
from dataclasses import dataclass

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

LARGEST_IMAGE = 20_000_000
"""Bytes."""
MOST_PIXELS = 40_000_000

# A picture of 40 megapixels takes up to 360 MB while it is decoded: two at a time are enough for
# two cores, and a thousand small files that unpack to as much cannot fill the memory together.
_decoders = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Picture:
    """An image that was decoded whole. `data` is as it came; width and height are as stored."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str


def examine(data: bytes) -> Picture:
    """Raises `ValueError`, in words for the sender, for what is no image that can be used."""
    if not data:
        raise ValueError("is empty")
    if len(data) > LARGEST_IMAGE:
        raise ValueError(f"must have at most {LARGEST_IMAGE:,} bytes, not {len(data):,}")
    found = _kind(data)
    if found is None:
        raise ValueError("must be a JPEG, PNG or WebP image; its first bytes are of none of them")
    content_type, reader = found
    with _decoders:
        width, height = _decode(reader, data, content_type)
    return Picture(data, content_type, width, height, hashlib.sha256(data).hexdigest())


def _kind(data: bytes) -> tuple[str, type[ImageFile.ImageFile]] | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", JpegImagePlugin.JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png", PngImagePlugin.PngImageFile
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp", WebPImagePlugin.WebPImageFile
    return None


def _decode(reader: type[ImageFile.ImageFile], data: bytes, content_type: str) -> tuple[int, int]:
    # The readers are used directly: `Image.open` warns of large images before their size can be
    # looked at, and takes some JPEGs of telephones for a format of several pictures.
    try:
        with reader(io.BytesIO(data)) as image:
            width, height = image.size
            if width * height <= MOST_PIXELS:
                image.load()
    except Exception as error:  # noqa: BLE001  # Pillow's readers raise whatever broken bytes lead to
        raise ValueError(f"cannot be decoded as {content_type}: {_words(error)}") from None
    if width * height > MOST_PIXELS:
        raise ValueError(f"must have at most {MOST_PIXELS:,} pixels, not {width:,} by {height:,}")
    return width, height


def _words(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "it unpacks to too much"
    return str(error)[:200] or type(error).__name__
