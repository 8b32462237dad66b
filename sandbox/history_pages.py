"""One page out of all that the history shows: pure, and without sorting what is in order already."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from sandbox.entries import Entry
from sandbox.history_query import Query

_PENDING = ("QUEUED", "PROCESSING")


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of the history: an entry and which of its outputs. ``total`` counts all pages' rows."""

    rows: list[tuple[Entry, int]]
    total: int


def page_of(shown: Sequence[Entry], query: Query) -> Page:
    """The page of ``shown`` (the oldest first) that ``query`` asks for.

    Rows with the same model or cost stand in the order of their creation, or against it.
    """
    found = [
        entry
        for entry in shown
        if query.begins <= entry.created < query.ends
        and (entry.row.model in query.models)
        and (query.status is None or status_of(entry) == query.status)
    ]
    match query.sort_by:
        case "model_name":
            found.sort(key=lambda entry: entry.row.model)
        case "credits_deduction":
            found.sort(key=lambda entry: entry.cost)
        case _:
            pass  # in order already
    if query.descending:
        found.reverse()
    return _cut(found, query)


def status_of(entry: Entry) -> str:
    """COMPLETED, FAILED or PENDING."""
    return "PENDING" if entry.status in _PENDING else entry.status


def _cut(found: list[Entry], query: Query) -> Page:
    # How many rows stand before the end of each entry: one with several outputs has several.
    ends = list(accumulate(entry.places for entry in found))
    first = (query.page - 1) * query.per_page
    rows: list[tuple[Entry, int]] = []
    at = bisect_right(ends, first)
    while at < len(found) and len(rows) < query.per_page:
        entry = found[at]
        begins = ends[at] - entry.places
        rows += [(entry, place) for place in range(max(0, first - begins), entry.places)]
        at += 1
    return Page(rows[: query.per_page], ends[-1] if ends else 0)
