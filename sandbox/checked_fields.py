"""Dataclasses made from JSON objects: every field with its check, nothing unknown let through."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from sandbox.bounds import Check

T = TypeVar("T")
_CHECK = "check"


class FieldError(ValueError):
    """What is wrong with the field ``name``, a path with dots where objects lie in objects."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.name = name
        self.problem = problem


def by(check: Check) -> Mapping[str, Check]:
    """A dataclass field's metadata: what it takes is what ``check`` takes."""
    return {_CHECK: check}


def made(kind: type[T], sent: object) -> T:
    """``kind`` from the JSON object ``sent``. Raises FieldError, or ValueError for no object."""
    if not isinstance(sent, Mapping):
        raise ValueError("must be an object")  # noqa: TRY004 - ValueError is what is caught
    known = {
        one.name: one
        for one in fields(kind)  # type: ignore[arg-type] # every kind is a dataclass
        if _CHECK in one.metadata
    }
    for name in sent:
        if name not in known:
            raise FieldError(name[:100], f"is unknown (known: {', '.join(known) or 'none'})")
    for name, one in known.items():
        if name not in sent and one.default is MISSING and one.default_factory is MISSING:
            raise FieldError(name, "is missing")
    taken: dict[str, Any] = {}
    for name, value in sent.items():
        try:
            taken[name] = known[name].metadata[_CHECK](value)
        except FieldError as error:
            raise FieldError(f"{name}.{error.name}", error.problem) from None
        except ValueError as error:
            raise FieldError(name, str(error)) from None
    return kind(**taken)
