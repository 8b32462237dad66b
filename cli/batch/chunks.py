"""Lines as they are sent: so many at once, with the numbers that they have in their file."""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.batch.lines import Line, Lines

CHUNK = 1_000


@dataclass(frozen=True)
class Chunk:
    """`numbers`: which each of its lines has for the gateway; they rise."""

    content: bytes
    first_line: int
    numbers: tuple[int, ...]
    is_csv: bool


def chunk_of(lines: Lines, some: Sequence[Line]) -> Chunk:
    """Of at least one line. Where the file has blank lines there are some here, so that the numbers
    that the gateway tells are the file's.
    """
    header = lines.header
    above = 0 if header is None else _height(header)
    # A file's header is above its first line, so this is 1 at the least.
    first = max(1, some[0].number - above)
    written = [] if header is None else [header]
    numbers = []
    now = first + above
    for line in some:
        blank = max(0, line.number - now)
        text = lines.text(line)
        written.append("\n" * blank + text)
        numbers.append(now + blank)
        now += blank + _height(text)
    return Chunk("\n".join(written).encode() + b"\n", first, tuple(numbers), header is not None)


def _height(text: str) -> int:
    return text.count("\n") + 1
