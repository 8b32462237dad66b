"""The query of a list of jobs: what is wanted, how much of it, and from where on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.datastructures import QueryParams

from api_gateway import cursors, times
from api_gateway.envelope import LONGEST_TAG, MOST_TAGS
from api_gateway.query import Query, whole
from db.job_walks import JobFilter
from jobs.limits import LONGEST_GROUP
from jobs.states import State

MOST_LISTED = 200
USUALLY_LISTED = 50
PARAMETERS = (
    *("state", "model", "tag", "group", "created_after", "created_before", "limit", "cursor"),
)
_LONGEST_MODEL = 100


@dataclass(frozen=True)
class Wanted:
    """A page's filter, its length, and the id below which it begins (None: at the newest job)."""

    filter: JobFilter
    limit: int
    below: UUID | None


def read(given: QueryParams) -> Wanted:
    """Raises `InvalidInput` that names everything that is wrong."""
    query = Query(given, PARAMETERS)
    wanted = JobFilter(
        states=query.all("state", _states, ()),
        model=query.one("model", _text(_LONGEST_MODEL), None),
        group=query.one("group", _text(LONGEST_GROUP), None),
        tags=query.all("tag", _tags, ()),
        created_after=query.one("created_after", _moment, None),
        created_before=query.one("created_before", _moment, None),
    )
    limit = query.one("limit", whole(1, MOST_LISTED), USUALLY_LISTED)
    # A filter that is wrong is not the cursor's own; that would only be told twice.
    query.refuse()
    below = query.one("cursor", lambda text: cursors.below(text, wanted), None)
    query.refuse()
    return Wanted(wanted, limit, below)


def _states(values: list[str]) -> tuple[State, ...]:
    names = [name for value in values for name in value.split(",")]
    try:
        return tuple(dict.fromkeys(State(name) for name in names))
    except ValueError:
        allowed = ", ".join(State)
        raise ValueError(f"must be one or several of {allowed}, with commas between") from None


def _tags(values: list[str]) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(values))
    if len(tags) > MOST_TAGS:
        raise ValueError(f"a job has at most {MOST_TAGS} tags")
    for tag in tags:
        _text(LONGEST_TAG)(tag)
    return tags


def _text(longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"has at most {longest} characters")
        return text

    return read


def _moment(text: str) -> datetime:
    try:
        return times.parse(text)
    except ValueError as error:
        if " " in text:
            # What a form or a careless URL makes of +02:00.
            raise ValueError(f"{error}; in a URL a + is written %2B") from None
        raise
