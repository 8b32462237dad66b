"""Rows of the history in the order of their creation, found without a walk over all of them."""

from bisect import bisect_left
from collections.abc import Iterable

from sandbox.entries import Entry

Line = tuple[Entry, int]
"""A row: a call, and which of its outputs, from 0."""

_SLACK = 1_000


def _serial(line: Line) -> int:
    return line[0].serial


def _created(line: Line) -> float:
    return line[0].created


class Listing:
    """Lines by their calls' serial numbers, the newest ``most`` or a few more.

    ``dated``: whether ``created`` rises along them; it does unless the provider's clock was set
    back in between.
    """

    def __init__(self, most: int, lines: Iterable[Line] = ()) -> None:
        self.lines: list[Line] = list(lines)
        self.dated = all(
            one[0].created <= two[0].created
            for one, two in zip(self.lines, self.lines[1:], strict=False)
        )
        self._most = most

    def add(self, entry: Entry) -> None:
        """A line for each output, or one; a late one goes between those that are there."""
        at = bisect_left(self.lines, entry.serial, key=_serial)
        before, after = self.lines[at - 1 : at], self.lines[at : at + 1]
        if any(one.created > entry.created for one, _ in before) or any(
            one.created < entry.created for one, _ in after
        ):
            self.dated = False
        self.lines[at:at] = [(entry, place) for place in range(entry.places)]
        if len(self.lines) > self._most + _SLACK:
            del self.lines[:_SLACK]

    def widen(self, entry: Entry) -> None:
        """An entry that is there has several outputs now."""
        at = bisect_left(self.lines, entry.serial, key=_serial)
        if self.lines[at : at + 1] == [(entry, 0)]:
            self.lines[at + 1 : at + 1] = [(entry, place) for place in range(1, entry.places)]

    def between(self, begins: float, ends: float) -> tuple[int, int]:
        """The first line that was created from ``begins`` on, and the first from ``ends`` on.

        Only where it is ``dated``.
        """
        return (
            bisect_left(self.lines, begins, key=_created),
            bisect_left(self.lines, ends, key=_created),
        )
