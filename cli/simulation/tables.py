"""The tables of a scenario file, key by key; what is wrong is told with file, key and bounds."""

import math
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from cli.complaint import ComplaintError
from cli.simulation.clock import seconds
from jobs import money
from jobs.money import Money

E = TypeVar("E", bound=StrEnum)

LONGEST = 31_536_000
"""Seconds of a run, a window or a moment in it: a year."""


class Table:
    """One table. `place` is how the file names it, such as `account[2]`, or empty.

    What is read is taken out: `done` complains of what is left, since nobody knows it. Everything
    here raises `ComplaintError`.
    """

    def __init__(self, file: str, place: str, found: object) -> None:
        if not isinstance(found, Mapping):
            raise ComplaintError(f"{file}: {place} must be a table; it is {_shown(found)}")
        self._file = file
        self._place = place
        self._left = dict(found)
        self._known: list[str] = []

    def wrong(self, key: str, problem: str) -> ComplaintError:
        """The error that names this key."""
        return ComplaintError(f"{self._file}: {self._prefix}{key} {problem}")

    def done(self) -> None:
        """Complain of a key that nothing has asked for."""
        for key in self._left:
            there = ", ".join(self._known)
            raise self.wrong(key, f"is not known; there are: {there}")

    def take(self, key: str) -> Any:
        """The value as it stands, None where there is none: TOML has no null."""
        self._known.append(key)
        return self._left.pop(key, None)

    def table(self, key: str) -> "Table":
        """A table of its own, empty where there is none."""
        found = self.take(key)
        return Table(self._file, f"{self._prefix}{key}", {} if found is None else found)

    def tables(self, key: str, most: int) -> list["Table"]:
        """A list of tables."""
        found = self.take(key)
        if found is None:
            return []
        if not isinstance(found, list) or len(found) > most:
            raise self.wrong(key, f"must be a list of up to {most:,} tables")
        place = f"{self._prefix}{key}"
        return [Table(self._file, f"{place}[{n}]", one) for n, one in enumerate(found, 1)]

    def text(self, key: str) -> str:
        """Text that must be there: up to 100 characters."""
        value = self.text_or_none(key)
        if value is None:
            raise self.wrong(key, "is missing")
        return value

    def text_or_none(self, key: str) -> str | None:
        """Text of up to 100 characters."""
        value = self.take(key)
        if value is not None and not (isinstance(value, str) and 1 <= len(value) <= 100):
            raise self.wrong(key, f"must be text of 1 to 100 characters; {is_(value)}")
        return value

    def one_of(self, key: str, choices: type[E], usual: E) -> E:
        """A member of an enumeration."""
        value = self.take(key)
        if value is None:
            return usual
        if value not in list(choices):
            allowed = ", ".join(f'"{choice}"' for choice in choices)
            raise self.wrong(key, f"must be one of {allowed}; {is_(value)}")
        return choices(value)

    def flag(self, key: str, *, usual: bool) -> bool:
        """True or false."""
        value = self.take(key)
        if not isinstance(value, bool | None):
            raise self.wrong(key, f"must be true or false; {is_(value)}")
        return usual if value is None else value

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"must be a whole number from {low:,} to {high:,}; {is_(value)}")
        return value

    def number(self, key: str, low: float, high: float, *, above: bool = False) -> float | None:
        """A number from `low` (`above`: above it) to `high`."""
        value = self.take(key)
        return None if value is None else self._number(key, value, low, high, above=above)

    def span(self, key: str, *, above: bool = False, most: float = LONGEST) -> int | None:
        """Seconds from 0 (`above`: above it) to `most`, in µs."""
        value = self.number(key, 0, most, above=above)
        return None if value is None else max(int(above), seconds(value))

    def spans(self, key: str) -> tuple[int, ...]:
        """A list of moments, in µs, in order."""
        found = self.take(key)
        if found is None:
            return ()
        if not isinstance(found, list) or len(found) > 10_000:
            raise self.wrong(key, f"must be a list of up to 10,000 seconds; {is_(found)}")
        named = ((f"{key}[{n}]", one) for n, one in enumerate(found, 1))
        return tuple(sorted(seconds(self._number(name, one, 0, LONGEST)) for name, one in named))

    def texts(self, key: str, most: int) -> tuple[str, ...]:
        """A list of different texts."""
        found = self.take(key)
        if found is None:
            return ()
        fits = isinstance(found, list) and 1 <= len(found) <= most
        if not fits or not all(isinstance(one, str) and 1 <= len(one) <= 100 for one in found):
            raise self.wrong(
                key, f"must be a list of 1 to {most:,} texts of 1 to 100 characters; {is_(found)}"
            )
        if len(set(found)) < len(found):
            raise self.wrong(key, "must not name one twice")
        return tuple(found)

    def usd(self, key: str) -> Money | None:
        """An amount of USD, as a number or as text, from 0 to 1,000,000."""
        value = self.take(key)
        if value is None:
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
                raise ValueError  # noqa: TRY004, TRY301  # told as any other
            amount = money.parse(str(value))
        except ValueError:
            amount = Money(-1)
        if not 0 <= amount <= 1_000_000 * 10**money.DIGITS:
            raise self.wrong(key, f'must be USD from 0 to 1,000,000, such as "0.006"; {is_(value)}')
        return amount

    def _number(
        self, key: str, value: object, low: float, high: float, *, above: bool = False
    ) -> float:
        fits = isinstance(value, int | Decimal) and not isinstance(value, bool)
        found = float(value) if fits else math.nan  # type: ignore[arg-type]
        if not low <= found <= high or (above and found == low):
            over = "above" if above else "from"
            raise self.wrong(key, f"must be a number {over} {low:,} to {high:,}; {is_(value)}")
        return found

    @property
    def _prefix(self) -> str:
        return f"{self._place}." if self._place else ""


def is_(value: object) -> str:
    """What a complaint says of the value that was found."""
    return "it is missing" if value is None else f"it is {_shown(value)}"


def _shown(value: object) -> str:
    shown = str(value) if isinstance(value, Decimal) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
