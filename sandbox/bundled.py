"""The photograph that stands in for an image URL that was not fetched."""

from functools import cache
from pathlib import Path

from sandbox.input_image import Picture, picture_of

NOTE = "input URL not fetched: bundled photograph"
_FILE = Path(__file__).parent / "photographs" / "coffee.jpg"


@cache
def bundled_picture() -> Picture:
    """A cup of coffee."""
    return picture_of(_FILE.read_bytes())
