"""The tables of a catalog file, member by member; what is wrong is told with file and member."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)


class CatalogError(ValueError):
    """A catalog file that cannot be used: says which file, which member, and what is allowed."""


class Table:
    """One table of a file. `prefix` is its place there, such as `parameters.seed.`, or empty."""

    def __init__(self, file: str, prefix: str, found: object, known: Sequence[str]) -> None:
        """Raises `CatalogError` for what is no table, and for a member that is not `known`."""
        self._file = file
        self._prefix = prefix
        if not isinstance(found, Mapping):
            place = prefix.removesuffix(".")
            raise CatalogError(f"{file}: {place} must be a table, not {found!r}")
        self._found = found
        for name in found:
            if name not in known:
                raise self.wrong(name, f"is no member; there are: {', '.join(known)}")

    def wrong(self, name: str, problem: str) -> CatalogError:
        """The error that names this member."""
        return CatalogError(f"{self._file}: {self._prefix}{name} {problem}")

    def get(self, name: str) -> Any:
        """The value as it stands, None where there is none: TOML has no null."""
        return self._found.get(name)

    def text(self, name: str) -> str:
        """Text that must be there."""
        value = self._required(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, f"must be text, and not empty; it is {value!r}")
        return value

    def one_of(self, name: str, choices: type[E]) -> E:
        """A member of an enumeration, that must be there."""
        value = self._required(name)
        try:
            return choices(value)
        except ValueError:
            allowed = ", ".join(f'"{choice}"' for choice in choices)
            raise self.wrong(name, f"must be one of {allowed}; it is {value!r}") from None

    def flag(self, name: str) -> bool:
        """True or false; false where it is not given."""
        value = self._found.get(name, False)
        if not isinstance(value, bool):
            raise self.wrong(name, f"must be true or false; it is {value!r}")
        return value

    def _required(self, name: str) -> Any:
        if name not in self._found:
            raise self.wrong(name, "is missing")
        return self._found[name]
