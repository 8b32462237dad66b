"""What stands for a text-to-image model's picture: shapes that depend on seed and prompt."""

import random
from hashlib import sha256

from PIL import Image, ImageDraw, ImageOps

SIZE = (448, 400)
"""Pixels; smaller than what was asked for, as every picture of the sandbox is."""

_DISCS = 14
_LEAST_RADIUS, _MOST_RADIUS = 12, 110


def imagined(seed: int, prompt: str) -> Image.Image:
    """An RGB image of SIZE, the same for the same seed and prompt."""
    digest = sha256(f"{seed}\n{prompt}".encode()).digest()
    drawn = random.Random(digest)  # noqa: S311 - a picture, no secret
    sky = Image.linear_gradient("L").resize(SIZE)
    picture = ImageOps.colorize(sky, black=_colour(drawn, 90), white=_colour(drawn, 255))
    brush = ImageDraw.Draw(picture)
    for _ in range(_DISCS):
        radius = drawn.randint(_LEAST_RADIUS, _MOST_RADIUS)
        middle = (drawn.randrange(SIZE[0]), drawn.randrange(SIZE[1]))
        brush.circle(middle, radius, fill=_colour(drawn, 255))
    return picture


def _colour(drawn: random.Random, brightest: int) -> tuple[int, int, int]:
    return drawn.randrange(brightest), drawn.randrange(brightest), drawn.randrange(brightest)
