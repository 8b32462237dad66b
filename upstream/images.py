"""Looks at an image's bytes: what it is, how large, and whether it can be decoded."""

import io
import warnings
from dataclasses import dataclass
from types import MappingProxyType

import PIL.Image

from upstream.replies import Image

MOST_PIXELS = 64_000_000
"""Eight times what the largest models make; decoded it takes up to 256 MB."""
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
_OPENED = tuple(name for name in CONTENT_TYPES if name != "MPO")

# Pillow warns of odd metadata and of large sizes, which are checked below. A warning that is an
# error, or is printed for each image, would be worse than the oddity. `catch_warnings` would undo
# itself in other threads' midst, so the filter is set once, for Pillow's modules only.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True)
class Rejection:
    """Why bytes are no result. `incomplete`: they may be the beginning of a good one."""

    reason: str
    incomplete: bool = False


def look_at(data: bytes) -> Image | Rejection:
    """The image, or why it is none. Never raises; memory is bounded by 64 million pixels."""
    try:
        with PIL.Image.open(io.BytesIO(data), formats=_OPENED) as picture:
            width, height = picture.size
            content_type = CONTENT_TYPES.get(picture.format or "")
            if content_type is None:
                return Rejection(f"images of type {picture.format} are not kept")
            if width * height > MOST_PIXELS:
                return _too_large(width, height)
            # For a JPEG: reads every byte, but calculates an eighth of the width and height.
            picture.draft(None, (1, 1))
            picture.load()
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        return Rejection(f"the image has more than {MOST_PIXELS:,} pixels")
    except PIL.UnidentifiedImageError:
        return Rejection(f"its {len(data)} bytes are no image of a known type", incomplete=True)
    except Exception as error:  # noqa: BLE001  # decoders raise any type on hostile bytes
        reason = f"its {len(data)} bytes do not decode ({type(error).__name__})"
        return Rejection(reason, incomplete=True)
    return Image(data=data, content_type=content_type, width=width, height=height)


def _too_large(width: int, height: int) -> Rejection:
    return Rejection(f"the image has {width} x {height} pixels, more than {MOST_PIXELS:,}")
