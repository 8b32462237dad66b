"""A page of the request history: where its rows stand, and how many more there are.

The envelope is not documented (segmind-api §4), so every usual one is read.
"""

import hashlib
import threading
from dataclasses import dataclass
from typing import Any

from upstream import exact_json, history_rows
from upstream.key import Key
from upstream.replies import HistoryRow

MOST_VALUES = 1_000_000
"""Ten thousand for each row of a page; they take some 100 MB at the most."""
_HOLDERS = ("data", "requests", "results", "items", "rows", "history")
_SINGLE = ("data", "request", "result", "item", "row")
_PAGE_COUNTS = ("total_pages", "totalPages", "pages", "page_count", "last_page")
_ROW_COUNTS = ("total", "total_count", "totalCount", "count_total")
_DEEPEST = 3
"""`data` within `data`, and its list."""

# A body, its text and the values in it are held together, and a text with a character beyond the
# first 65,536 takes four times its body.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Page:
    """`found` counts all rows; `rows` are those that can be read."""

    rows: tuple[HistoryRow, ...]
    found: int
    fingerprint: bytes
    """Alike for pages whose rows are alike to the last value."""
    pages: int | None
    """How many there are by the envelope's word, and how many rows in all."""
    total: int | None


def read(body: bytes, key: Key) -> Page:
    """Raises `exact_json.TooManyValues`, or another `ValueError` for what is no page."""
    with _one_at_a_time:
        value = exact_json.read(body, MOST_VALUES)
        _check_success(value)
        found = rows_in(value)
        if found is None:
            raise ValueError("no rows in it")
        read_ones = (history_rows.read(one, key) for one in found)
        return Page(
            rows=tuple(row for row in read_ones if row is not None),
            found=len(found),
            fingerprint=_fingerprint(found),
            pages=_count(value, _PAGE_COUNTS),
            total=_count(value, _ROW_COUNTS),
        )


def only_row(body: bytes, key: Key) -> HistoryRow:
    """Of the answer to a question for one request; the first of several, one for each output.

    Raises `ValueError` where it holds none.
    """
    with _one_at_a_time:
        value = exact_json.read(body, MOST_VALUES)
        for held in (value, *_inner(value), *(rows_in(value) or [])):
            row = history_rows.read(held, key)
            if row is not None:
                return row
    raise ValueError("no row in it")


def _inner(value: Any) -> list[Any]:
    return [value.get(name) for name in _SINGLE] if isinstance(value, dict) else []


def rows_in(value: Any, depth: int = _DEEPEST) -> list[Any] | None:
    """The list of rows, or None where there is none, which is not the same as an empty one."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not depth:
        return None
    named: list[list[Any]] = [value[name] for name in _HOLDERS if isinstance(value.get(name), list)]
    others: list[list[Any]] = [one for one in value.values() if isinstance(one, list)]
    # Rows wherever they are before a list that is empty: the end of a pass is a proof of absence.
    full = next(filter(_holds_objects, named), None)
    if full is not None:
        return full
    objects = [one for one in others if _holds_objects(one)]
    if len(objects) == 1:
        return objects[0]
    if objects:
        return None
    inner = rows_in(value.get("data"), depth - 1)
    if inner is not None:
        return inner
    if named:
        return named[0]
    unnamed = others if not any(name in value for name in _HOLDERS) else []
    return unnamed[0] if len(unnamed) == 1 else None


def _check_success(value: Any) -> None:
    # Beside an error, an empty list is no end.
    if isinstance(value, dict) and (value.get("error") or value.get("success") is False):
        raise ValueError("an error in it")


def _holds_objects(rows: list[Any]) -> bool:
    return bool(rows) and all(isinstance(one, dict) for one in rows)


def _count(value: Any, names: tuple[str, ...]) -> int | None:
    """From the object around the rows, its `data`, or what such an object calls its pagination."""
    if not isinstance(value, dict):
        return None
    around: list[Any] = [value, *(value.get(name) for name in ("data", "pagination", "meta"))]
    for held in around:
        for name in names if isinstance(held, dict) else ():
            told = held.get(name)
            if isinstance(told, str) and told.isdecimal() and told.isascii() and len(told) < 19:
                return int(told)
    return None


def _fingerprint(rows: list[Any]) -> bytes:
    digest = hashlib.sha256()
    try:
        for row in rows:
            # Row by row: the text of all of them would be one more copy of the page.
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("nested too deep") from None
    return digest.digest()
