"""What is wrong with a list, each with its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.complaint import ComplaintError

_MOST_TOLD = 20


@dataclass(frozen=True)
class Wrong:
    """`place`: of the file, and of the line in it. `field`: which column or member; "": the whole."""

    place: str
    message: str
    field: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.place, self.field, self.message)))


class WrongListError(Exception):
    """A file that cannot be read any further."""

    def __init__(self, wrong: Wrong) -> None:
        self.wrong = wrong
        super().__init__(str(wrong))


def refuse(found: Sequence[Wrong]) -> None:
    """Raises `ComplaintError` that tells the first twenty, if there are any."""
    if not found:
        return
    told = [str(one) for one in found[:_MOST_TOLD]]
    if len(found) > _MOST_TOLD:
        told.append(f"and {len(found) - _MOST_TOLD:,} more")
    raise ComplaintError("\n".join(told) + "\nnothing was sent")
