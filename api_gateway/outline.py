"""What a picture's file says of itself, read before anything is decoded.

Decoders are lenient: they draw what they find and skip the rest. So the parts of a file are walked
here first: where it ends, how large it says it is, how many pictures it holds.
"""

from dataclasses import dataclass

from api_gateway.image_kinds import name_of

MOST_PIXELS = 40_000_000


@dataclass(frozen=True)
class Outline:
    """A file that is one whole picture. `data` is that picture, without what was cut off."""

    content_type: str
    data: bytes
    lossless: bool


class Cut(ValueError):  # noqa: N818  # read as: raise Cut("a JPEG")
    """The file ends before the picture does."""

    def __init__(self, name: str) -> None:
        """`name` with its article, such as "a PNG"."""
        super().__init__(f"is {name} that is cut off: its end is missing; send the whole file")


def check_size(width: int, height: int) -> None:
    """Raises `ValueError` for more pixels than are decoded here, and for none."""
    if width <= 0 or height <= 0:
        raise ValueError(f"must have a size, not {width} by {height}")
    if width * height > MOST_PIXELS:
        raise ValueError(f"must have at most {MOST_PIXELS:,} pixels, not {width:,} by {height:,}")


def check_nothing_behind(name: str, tail: bytes) -> None:
    """Raises `ValueError` for a file that is a picture and something else at once.

    Such a file passes as an image here and may be run, unpacked or shown as the other thing by
    whoever gets it next.
    """
    if tail:
        what = name_of(tail) or name_of(tail.lstrip(b"\0 \t\r\n"))
        raise ValueError(
            f"is {name} with {what or f'{len(tail):,} bytes of something else'} behind its end; "
            "send the picture alone"
        )
