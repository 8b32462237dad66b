"""Looks at an image's bytes: what it is, how large, and whether it can be decoded."""

import io
import threading
import warnings
from dataclasses import dataclass
from types import MappingProxyType

import PIL.Image

from upstream.replies import Image

MOST_PIXELS = 64_000_000
"""Eight times what the largest models make."""
LARGEST_DECODE = 512_000_000
"""Bytes that decoding one image may take besides its file."""
DECODED_AT_ONCE = 2
"""In one process, whose slots are many more: decoding takes 1 GB at the most, and keeps two cores
busy. Of images of a megapixel that are 20 (WebP), 50 (PNG) or 200 (JPEG) a second."""
BYTES_A_PIXEL = MappingProxyType(
    {
        "JPEG": 8,  # progressive, CMYK; others are read in scale and take next to nothing
        "MPO": 8,
        "PNG": 4,  # 16 bits a channel are narrowed line by line
        "WEBP": 20,
        "GIF": 4,
        "AVIF": 20,  # 13 with 8 bits a channel; reckoned for 12
        "TIFF": 12,  # 16 bits a channel, in one strip
        "BMP": 4,
    }
)
"""What decoding takes at its height, measured with Pillow 13 in the colours that take the most.

In every format a pixel of the decoded image itself takes 4 bytes at the most.
"""
CONTENT_TYPES = MappingProxyType(
    {
        "JPEG": "image/jpeg",
        "MPO": "image/jpeg",  # a JPEG with further pictures behind the first
        "PNG": "image/png",
        "WEBP": "image/webp",
        "GIF": "image/gif",
        "AVIF": "image/avif",
        "TIFF": "image/tiff",
        "BMP": "image/bmp",
    }
)
"""By Pillow's names. Formats that run programs (EPS) or fetch files are left out on purpose."""
_TILE_WIDTH, _TILE_LENGTH = 322, 323
"""Tags of TIFF 6.0, section 15."""
_OPENED = tuple(name for name in CONTENT_TYPES if name != "MPO")

# Pillow warns of odd metadata and of large sizes, which are checked below. A warning that is an
# error, or is printed for each image, would be worse than the oddity. `catch_warnings` would undo
# itself in other threads' midst, so the filter is set once, for Pillow's modules only.
warnings.filterwarnings("ignore", module=r"PIL\.")


# A few kilobytes can unpack to the largest picture, and every slot may hold some.
_decoders = threading.BoundedSemaphore(DECODED_AT_ONCE)


@dataclass(frozen=True)
class Rejection:
    """Why bytes are no result. `incomplete`: they may be the beginning of a good one."""

    reason: str
    incomplete: bool = False
    recognized: bool = True
    """False where the bytes do not even begin like an image of a known type."""


def look_at(data: bytes) -> Image | Rejection:
    """The image, or why it is none. Never raises.

    Of several frames the first alone is decoded; the bytes are kept with all of them. Waits while
    `DECODED_AT_ONCE` others are looked at; takes at most `LARGEST_DECODE` bytes of memory, so large
    images in the costlier formats (WebP and AVIF from 25.6 million pixels, TIFF from 42.6 million)
    are rejected below `MOST_PIXELS`.
    """
    with _decoders:
        return _look_at(data)


def _look_at(data: bytes) -> Image | Rejection:
    try:
        with PIL.Image.open(io.BytesIO(data), formats=_OPENED) as picture:
            width, height = picture.size
            kind = picture.format or ""
            content_type = CONTENT_TYPES.get(kind)
            if content_type is None:
                return Rejection(f"images of type {kind} are not kept")
            most = min(MOST_PIXELS, LARGEST_DECODE // BYTES_A_PIXEL[kind])
            if _pixels(picture) > most:
                size = f"{width} x {height} pixels"
                return Rejection(f"the image has {size}, more than {most:,} of {content_type}")
            # For a JPEG: reads every byte, but calculates an eighth of the width and height.
            picture.draft(None, (1, 1))
            picture.load()
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        return Rejection(f"the image has more than {MOST_PIXELS:,} pixels")
    except PIL.UnidentifiedImageError:
        reason = f"its {len(data)} bytes are no image of a known type"
        return Rejection(reason, incomplete=True, recognized=False)
    except Exception as error:  # noqa: BLE001  # decoders raise any type on hostile bytes
        reason = f"its {len(data)} bytes do not decode ({type(error).__name__})"
        return Rejection(reason, incomplete=True)
    return Image(data=data, content_type=content_type, width=width, height=height)


def _pixels(picture: PIL.Image.Image) -> int:
    """Of the canvas, or of one tile of a TIFF, which is decoded whole and may be the larger."""
    width, height = picture.size
    tags = getattr(picture, "tag_v2", {})
    tile = int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0))
    return max(width * height, tile)
