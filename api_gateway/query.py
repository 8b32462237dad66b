"""Query parameters, taken as strictly as the members of a body: none is silently left out."""

from collections.abc import Callable
from typing import TypeVar

from starlette.datastructures import QueryParams
from starlette.requests import Request

from api_gateway import storable
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

T = TypeVar("T")


class Query:
    """Reads parameters one by one and remembers all that are wrong; `refuse` then names them."""

    def __init__(self, given: QueryParams, known: tuple[str, ...]) -> None:
        self._given = given
        allowed = f"is no parameter of this address; it has {', '.join(known) or 'none'}"
        self._problems = [
            FieldProblem(name, allowed, shown(given[name])) for name in given if name not in known
        ]

    def all(self, name: str, reader: Callable[[list[str]], T], default: T) -> T:
        """What `reader` makes of every value that came under the name; it raises `ValueError`."""
        values = self._given.getlist(name)
        if not values:
            return default
        try:
            complaint = storable.complaint(values)
            if complaint:
                raise ValueError(complaint)  # noqa: TRY301  # one way for all that is wrong
            return reader(values)
        except ValueError as error:
            got = shown(values[0] if len(values) == 1 else values)
            self._problems.append(FieldProblem(name, str(error), got))
            return default

    def one(self, name: str, reader: Callable[[str], T], default: T) -> T:
        """The same for a parameter that may be given once."""

        def read(values: list[str]) -> T:
            if len(values) > 1:
                raise ValueError(f"may be given once, not {len(values)} times")
            return reader(values[0])

        return self.all(name, read, default)

    def refuse(self) -> None:
        """Raises `InvalidInput` when anything was wrong."""
        if self._problems:
            raise InvalidInput(self._problems)


def none(request: Request) -> None:
    """For an address without parameters. Raises `InvalidInput` when it is given one."""
    Query(request.query_params, ()).refuse()


def whole(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    """A reader of whole numbers from `low` (≥ 0) to `high`."""

    def read(text: str) -> int:
        short = len(text) <= len(str(high))
        if text.isascii() and text.isdigit() and short and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"must be a whole number{unit} from {low} to {high}")

    return read
