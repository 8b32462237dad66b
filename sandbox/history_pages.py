"""One page out of what the history shows: cut out where it is in order already, else sorted."""

from dataclasses import dataclass

from sandbox.entries import Entry
from sandbox.history_query import Query
from sandbox.listing import Line, Listing

_PENDING = ("QUEUED", "PROCESSING")


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, and how many all pages have."""

    lines: list[Line]
    total: int


def page_of(listing: Listing, query: Query) -> Page:
    """The page that ``query`` asks for, out of the lines of its models.

    The usual query, of some days in the order of creation, costs the same however many lines there
    are. Lines with the same model or cost stand in the order of their creation, or against it.
    """
    if listing.dated and query.status is None and query.sort_by == "model_created":
        return _cut(listing.lines, *listing.between(query.begins, query.ends), query)
    found = [
        line
        for line in listing.lines
        if query.begins <= line[0].created < query.ends
        and (query.status is None or status_of(line[0]) == query.status)
    ]
    match query.sort_by:
        case "model_name":
            found.sort(key=lambda line: line[0].row.model)
        case "credits_deduction":
            found.sort(key=lambda line: line[0].cost)
        case _:
            pass  # in order of their start
    return _cut(found, 0, len(found), query)


def status_of(entry: Entry) -> str:
    """COMPLETED, FAILED or PENDING."""
    return "PENDING" if entry.status in _PENDING else entry.status


def _cut(lines: list[Line], low: int, high: int, query: Query) -> Page:
    """The page of ``lines[low:high]``, from its end if it is descending."""
    skipped = (query.page - 1) * query.per_page
    if query.descending:
        end = max(low, high - skipped)
        return Page(lines[max(low, end - query.per_page) : end][::-1], high - low)
    begin = min(high, low + skipped)
    return Page(lines[begin : min(high, begin + query.per_page)], high - low)
