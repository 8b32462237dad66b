"""What a request for the history asks for, judged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sandbox.models import MODELS
from sandbox.refusals import RefusedError

MOST_DAYS = 31
_DEFAULT_DAYS = 7
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAMES = (
    *("page", "per_page", "from_date", "to_date", "model_name", "status", "sort_by", "sort_order"),
)


@dataclass(frozen=True, slots=True)
class Query:
    """A page of the history, and of what.

    page: from 1. per_page: 1 to 100. begins, ends: epoch seconds of the first day's midnight and
    of the one after the last day, UTC. models: the names that contain what was asked for.
    status: None = any.
    """

    page: int
    per_page: int
    begins: float
    ends: float
    models: frozenset[str]
    status: str | None
    sort_by: str
    descending: bool


def query_of(sent: Sequence[tuple[str, str]], now: float) -> Query:
    """Judge the query's names and values; ``now`` is the provider's clock, epoch seconds.

    Raises RefusedError 400, naming the parameter: an unknown one, one that stands twice, a value
    out of bounds, or a window of more than 31 days, the first and the last included.
    """
    given: dict[str, str] = {}
    for name, value in sent:
        if name not in _NAMES:
            raise RefusedError(400, f"Unknown parameter: {name[:100]}")
        if name in given:
            raise _wrong(name, "must stand once")
        given[name] = value
    begins, ends = _window(given, datetime.fromtimestamp(now, UTC).date())
    model_name = given.get("model_name", "")
    return Query(
        page=_integer(given, "page", 1, 1_000_000_000),
        per_page=_integer(given, "per_page", 20, 100),
        begins=begins,
        ends=ends,
        models=frozenset(name for name in MODELS if model_name in name),
        status=_one_of(given, "status", None, "COMPLETED", "FAILED", "PENDING"),
        sort_by=_one_of(given, "sort_by", "model_created", "model_name", "credits_deduction")
        or "model_created",
        descending=_one_of(given, "sort_order", "desc", "asc") != "asc",
    )


def _window(given: dict[str, str], today: date) -> tuple[float, float]:
    first = _date(given, "from_date", today - timedelta(days=_DEFAULT_DAYS))
    last = _date(given, "to_date", today)
    if first > last:
        raise _wrong("from_date", "must not be after to_date")
    if (last - first).days >= MOST_DAYS:
        raise _wrong("from_date", f"must be at most {MOST_DAYS} days before to_date's end")
    begins = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
    return begins, begins + ((last - first).days + 1) * 86_400


def _date(given: dict[str, str], name: str, default: date) -> date:
    value = given.get(name)
    if value is None:
        return default
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # the 30th of February
        pass
    raise _wrong(name, "must be a date, YYYY-MM-DD")


def _integer(given: dict[str, str], name: str, default: int, most: int) -> int:
    value = given.get(name, str(default))
    if not re.fullmatch("[0-9]{1,10}", value) or not 1 <= int(value) <= most:
        raise _wrong(name, f"must be an integer from 1 to {most}")
    return int(value)


def _one_of(given: dict[str, str], name: str, default: str | None, *others: str) -> str | None:
    """The value, one of ``others`` or the ``default`` (None: then it may only be left out)."""
    choices = (*([] if default is None else [default]), *others)
    value = given.get(name, default)
    if value is not default and value not in choices:
        raise _wrong(name, f"must be one of {', '.join(choices)}")
    return value


def _wrong(name: str, problem: str) -> RefusedError:
    return RefusedError(400, f"Invalid parameter: {name} {problem}")
