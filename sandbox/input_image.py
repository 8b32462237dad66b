"""The ``image`` parameter: an http(s) URL or the bare base64 of a JPEG, PNG or WebP.

A ``data:`` URI is refused: whether upstream takes one is unknown, and a client that never sends
one is right either way.
"""

import base64
import binascii
import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from PIL import Image, ImageFilter, ImageOps

MOST_PIXELS = 40_000_000
MOST_SIZE = (448, 400)
"""Pictures are shrunk to this width and height, pixels: enough to see, and drawing costs in
proportion to the area, on the machine that also runs what is measured. With the strip below it an
answer has at most 448 pixels a side."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An input image, reduced to its edges: greyscale, at most MOST_SIZE."""

    edges: Image.Image


class UnusableImageError(Exception):
    """The ``image`` parameter is neither a URL nor an image; the message says what is wrong."""


def image_of(text: str) -> str | Picture:
    """The URL itself, or the picture that ``text`` encodes. Raises UnusableImageError."""
    if text[:8].lower().startswith(("http://", "https://")):
        return _checked_url(text)
    if ":" in text[:64]:
        raise UnusableImageError("must be an http(s) URL or bare base64, no other URI")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise UnusableImageError("is neither an http(s) URL nor base64") from None
    return picture_of(data)


def picture_of(data: bytes) -> Picture:
    """Decode an image file, all of it. Raises UnusableImageError."""
    digest = sha256(data).digest()
    found = _seen.get(digest)
    if found is None:
        found = Picture(_edges(_decoded(data)))
        _seen.put(digest, found)
    return found


def _checked_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not text.isascii() or any(one <= " " or one == "\x7f" for one in text):
        raise UnusableImageError("is not a well-formed URL")
    return text


def _decoded(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
            _check_size(opened)
            # A JPEG can be decoded small; every byte of it is still read.
            opened.draft("L", MOST_SIZE)
            return opened.convert("RGBA" if opened.has_transparency_data else "L")
    except UnusableImageError:
        raise
    except Exception:  # noqa: BLE001 - Pillow's plugins raise nearly anything on broken files
        raise UnusableImageError("is not a readable JPEG, PNG or WebP") from None


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise UnusableImageError(f"has more than {MOST_PIXELS} pixels")


def _edges(image: Image.Image) -> Image.Image:
    if image.mode == "RGBA":
        # What is transparent has no defined colour, and would show up as random edges.
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    grey = image.convert("L")
    grey.thumbnail(MOST_SIZE)
    lines = grey.filter(ImageFilter.GaussianBlur(1)).filter(ImageFilter.FIND_EDGES)
    # The filter leaves the outermost pixels as they were: a bright frame around every picture.
    framed = Image.new("L", lines.size)
    if min(lines.size) > 2:
        framed.paste(lines.crop((1, 1, lines.width - 1, lines.height - 1)), (1, 1))
    return ImageOps.autocontrast(framed, cutoff=(0, 1))


class _Recent:
    """The pictures seen last: a batch sends the same few inputs again and again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: bytes) -> Picture | None:
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def put(self, digest: bytes, picture: Picture) -> None:
        with self._lock:
            self._kept[digest] = picture
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


_seen = _Recent(64)
