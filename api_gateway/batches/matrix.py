"""A matrix: every combination of some values, each a line of a batch."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

MOST_LINES = 50_000
"""Of one request, which keeps them in one commit."""
MOST_NAMES = 10


@dataclass(frozen=True)
class Matrix:
    """Values by the names of parameters, or of what the batch's templates ask for."""

    values: Mapping[str, tuple[Any, ...]]

    @property
    def count(self) -> int:
        """How many combinations there are."""
        return math.prod(len(some) for some in self.values.values())

    def lines(self, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every combination as a line: the last name's values change the fastest.

        Its name says which value of each it has, counted from 1: `prompt2-seed1`.
        """
        names = list(self.values)
        numbered = [list(enumerate(self.values[name], 1)) for name in names]
        for chosen in itertools.product(*numbered):
            given = {name: value for name, (_, value) in zip(names, chosen, strict=True)}
            yield {
                "custom_id": "-".join(
                    f"{name}{n}" for name, (n, _) in zip(names, chosen, strict=True)
                ),
                "input": {name: one for name, one in given.items() if name in parameters},
                "vars": {name: one for name, one in given.items() if name not in parameters},
            }


def read(given: Any) -> Matrix:
    """Raises `InvalidInput`. The values themselves are checked with each line."""
    if not isinstance(given, dict) or not 1 <= len(given) <= MOST_NAMES:
        why = f"must be an object of 1 to {MOST_NAMES} names, each with a list of values"
        raise InvalidInput([FieldProblem("matrix", why, shown(given))])
    wrong = [
        FieldProblem(f"matrix.{name}", "must be a list of at least one value", shown(values))
        for name, values in given.items()
        if not isinstance(values, list) or not values
    ]
    if wrong:
        raise InvalidInput(wrong)
    found = Matrix({name: tuple(values) for name, values in given.items()})
    if found.count > MOST_LINES:
        why = (
            f"has {found.count:,} combinations, and one request takes {MOST_LINES:,}: open a batch "
            "and send lines"
        )
        raise InvalidInput([FieldProblem("matrix", why)])
    return found
