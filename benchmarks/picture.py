"""The image that every call brings: as many pixels as SSD-1B makes, in about 100 KB."""

import io
from pathlib import Path

import PIL.Image

_SOURCE = Path(__file__).parents[1] / "examples" / "images" / "hubble-deep-field.jpg"
SIDE = 1_024
QUALITY = 65
"""Brings this picture to about 100 KB."""


def picture() -> bytes:
    """A JPEG of `SIDE` by `SIDE` pixels."""
    with PIL.Image.open(_SOURCE) as source:
        whole = source.convert("RGB").resize((SIDE, SIDE))
    kept = io.BytesIO()
    whole.save(kept, "JPEG", quality=QUALITY)
    return kept.getvalue()
