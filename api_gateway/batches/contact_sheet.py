"""Small pictures of a batch's images on one page, each with its name."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from db.artifacts import ArtifactStore

SIDE = 200
"""Pixels of a picture's longer side."""
_GAP, _CAPTION = 10, 16
_PAPER, _INK = "white", "black"
_LONGEST_CAPTION = 32


@dataclass(frozen=True)
class Picture:
    """An image as it is kept, and what stands below it. None: it is not kept any more."""

    artifact: str | None
    caption: str


def sheet(pictures: Sequence[Picture], columns: int, store: ArtifactStore) -> bytes:
    """The page as JPEG. One that cannot be shown leaves its place empty; there is one place at the
    least.
    """
    rows = max(1, -(-len(pictures) // columns))
    width = _GAP + columns * (SIDE + _GAP)
    height = _GAP + rows * (SIDE + _CAPTION + _GAP)
    page = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default()
    for n, one in enumerate(pictures):
        left = _GAP + n % columns * (SIDE + _GAP)
        top = _GAP + n // columns * (SIDE + _CAPTION + _GAP)
        for small in _small(one, store):
            page.paste(small, (left + (SIDE - small.width) // 2, top + SIDE - small.height))
        draw.text((left, top + SIDE + 2), _shown(one.caption), fill=_INK, font=font)
    written = io.BytesIO()
    page.save(written, "JPEG", quality=85)
    return written.getvalue()


def _small(one: Picture, store: ArtifactStore) -> Iterable[Image.Image]:
    if one.artifact is None:
        return
    try:
        image = Image.open(io.BytesIO(store.get(one.artifact)))
        # A JPEG is decoded no larger than it is needed.
        image.draft("RGB", (2 * SIDE, 2 * SIDE))
        image.thumbnail((SIDE, SIDE))
        yield image.convert("RGB")
    except (FileNotFoundError, UnidentifiedImageError, OSError):
        return


def _shown(caption: str) -> str:
    """The built-in font knows no more than Latin letters."""
    plain = caption.encode("ascii", "replace").decode()
    return plain if len(plain) <= _LONGEST_CAPTION else f"{plain[: _LONGEST_CAPTION - 3]}..."
