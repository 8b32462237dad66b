"""A matrix: every combination of some values, each a line of a batch."""

import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api_gateway.kept_images import IMAGE_FOR_MANY, is_image_inside
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

MOST_LINES = 10_000
"""Of one request, which keeps them in one commit."""
MOST_NAMES = 10
LARGEST = 16_384
"""A value may be in each of ten thousand lines."""


@dataclass(frozen=True)
class Matrix:
    """Values by the names of parameters, or of what the batch's templates ask for; each with a label
    that stands for it in the names of lines.
    """

    values: Mapping[str, tuple[tuple[str, Any], ...]]

    @property
    def count(self) -> int:
        """How many combinations there are."""
        return math.prod(len(some) for some in self.values.values())

    def lines(self, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every combination as a line, called by its labels; the last name's values change the
        fastest.
        """
        for chosen in itertools.product(*self.values.values()):
            given = {name: value for name, (_, value) in zip(self.values, chosen, strict=True)}
            yield {
                "custom_id": "-".join(label for label, _ in chosen),
                "input": {name: one for name, one in given.items() if name in parameters},
                "vars": {name: one for name, one in given.items() if name not in parameters},
            }


def read(given: Any) -> Matrix:
    """Raises `InvalidInput`. The values themselves are checked with each line."""
    if not isinstance(given, dict) or not 1 <= len(given) <= MOST_NAMES:
        why = f"must be an object of 1 to {MOST_NAMES} names, each with values"
        raise InvalidInput([FieldProblem("matrix", why, shown(given))])
    wrong = [
        FieldProblem(
            f"matrix.{name}",
            "must be a list of values, or an object of values by the names that they have in the "
            "names of lines; of at least one",
            shown(values),
        )
        for name, values in given.items()
        if not isinstance(values, list | dict) or not values
    ]
    wrong = wrong or [
        FieldProblem(f"matrix.{name}", IMAGE_FOR_MANY, shown(value))
        for name, values in given.items()
        for value in _values(values)
        if is_image_inside(name, value)
    ]
    wrong = wrong or [
        FieldProblem(f"matrix.{name}", f"may have values of up to {LARGEST:,} characters as JSON")
        for name, values in given.items()
        if any(len(json.dumps(value)) > LARGEST for value in _values(values))
    ]
    if wrong:
        raise InvalidInput(wrong)
    found = Matrix({name: _labelled(name, values) for name, values in given.items()})
    if found.count > MOST_LINES:
        why = (
            f"has {found.count:,} combinations, and one request takes {MOST_LINES:,}: open a batch "
            "and send lines"
        )
        raise InvalidInput([FieldProblem("matrix", why)])
    return found


def _values(given: list[Any] | dict[str, Any]) -> Collection[Any]:
    return given.values() if isinstance(given, dict) else given


def _labelled(name: str, values: list[Any] | dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """In a list they are counted: `prompt1`, `prompt2`."""
    if isinstance(values, dict):
        return tuple(values.items())
    return tuple((f"{name}{n}", value) for n, value in enumerate(values, 1))
