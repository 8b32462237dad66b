"""Draws the answer: the input's edges in the seed's colours, or shapes where there is no input,
above a strip that says SANDBOX.

The strip is there so that nobody can take the picture for a generation. The same input, seed and
prompt make the same bytes.
"""

import colorsys
import io
from functools import cache, lru_cache
from hashlib import sha256

from PIL import Image, ImageDraw, ImageFont, ImageOps

from sandbox.imagined import imagined
from sandbox.input_image import Picture

STRIP_HEIGHT = 48
LEAST_WIDTH = 420
"""Below this the strip's text would not fit; a narrower picture is centred on a wider sheet."""

_LINE_HEIGHT = 15
_MARGIN = 6
_YELLOW = (255, 212, 0)


def drawn(picture: Picture | None, *, seed: int, prompt: str, note: str = "") -> bytes:
    """A JPEG: ``picture`` in the seed's colours, the strip with seed, ``note`` and prompt below.

    Without one, shapes that depend on seed and prompt. It is as wide as the picture, but at least
    LEAST_WIDTH, and STRIP_HEIGHT higher (pixels).
    """
    if picture is None:
        shown, described = imagined(seed, prompt), "shapes from seed and prompt"
    else:
        dark, bright = _colours(seed)
        shown = ImageOps.colorize(picture.edges, black=dark, white=bright)
        described = "edges of the input image"
    width = max(shown.width, LEAST_WIDTH)
    sheet = Image.new("RGB", (width, shown.height + STRIP_HEIGHT), "black")
    sheet.paste(shown, ((width - shown.width) // 2, 0))
    _write_strip(
        sheet,
        shown.height,
        (f"SANDBOX - not a generation - seed {seed}", note or described, prompt),
    )
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=75)
    return out.getvalue()


def _colours(seed: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    # Hashed, so that neighbouring seeds look different.
    hue = int.from_bytes(sha256(str(seed).encode()).digest()[:2]) / 65_536
    return _rgb(hue, 0.8, 0.22), _rgb((hue + 0.45) % 1, 0.55, 1.0)


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _write_strip(sheet: Image.Image, top: int, lines: tuple[str, ...]) -> None:
    sheet.paste(_YELLOW, (0, top, sheet.width, sheet.height))
    for place, line in enumerate(lines):
        sheet.paste(_written(line, sheet.width), (0, top + 1 + place * _LINE_HEIGHT))


@lru_cache(maxsize=128)  # writing is a third of a picture's cost, and most lines come again
def _written(line: str, width: int) -> Image.Image:
    tile = Image.new("RGB", (width, _LINE_HEIGHT), _YELLOW)
    text = _fitting(line, width - 2 * _MARGIN)
    ImageDraw.Draw(tile).text((_MARGIN, 0), text, fill="black", font=_font())
    return tile


def _fitting(line: str, width: int) -> str:
    """As many first words of ``line`` as ``width`` pixels hold."""
    words = "".join(one if one.isprintable() else " " for one in line[:200]).split()
    while len(words) > 1 and _font().getlength(" ".join(words)) > width:
        words.pop()
    return " ".join(words)[:80]


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)
