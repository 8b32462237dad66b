"""Reads a CSV: only its form, since the gateway says what a column means."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator

from cli.batch.lines import Line, Lines
from cli.batch.wrong import Wrong, WrongListError

METADATA = "metadata."
MEMBERS = frozenset(
    {
        *("custom_id", "model", "priority", "tags", "run_at", "start_by", "finish_by"),
        *("max_attempts", "on_doubt", "doubt_deadline"),
    }
)
"""Columns that are members of a job, whatever its model. A test holds them to the gateway's own."""

_SEPARATORS = {";": "semicolons", "\t": "tabs"}
"""What some spreadsheets write in the place of commas."""


def read_csv(name: str, text: str) -> tuple[Lines, list[Wrong]]:
    """The rows and all that is wrong with them. Raises `WrongListError` for what is no CSV."""
    rows = _rows(name, text)
    _, header = next(rows, (0, []))
    names = [one.strip() for one in header]
    wrong = _of_header(name, names)
    found: list[Line] = []
    for number, row in rows:
        place = f"{name}: line {number}"
        if not any(one.strip() for one in row):
            wrong.append(Wrong(place, "has nothing but empty fields: take it out"))
        elif len(row) != len(names):
            wrong.append(Wrong(place, f"has {len(row)} fields, and the header {len(names)}"))
        else:
            given = dict(zip(names, row, strict=True))
            custom_id = given.pop("custom_id", "") or f"line-{number}"
            found.append(Line(custom_id, number, place, given))
    if not found and not wrong:
        raise WrongListError(Wrong(name, "has a header and no line below it"))
    return Lines(tuple(one for one in names if one != "custom_id"), found), wrong


def unknown_columns(name: str, columns: Collection[str], known: Collection[str]) -> list[Wrong]:
    """Columns that mean nothing. `known`: the model's parameters, and what templates ask for."""
    there = sorted(MEMBERS.union(known))
    said = (
        "is no parameter of the model, no member of a job and in no template; there are "
        f"{', '.join(there)} and {METADATA}…"
    )
    return [
        Wrong(f"{name}: line 1", said, f"column {one!r}")
        for one in columns
        if one not in there and not one.startswith(METADATA)
    ]


def _rows(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 1
    try:
        for row in reader:
            if row:
                yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        raise WrongListError(Wrong(f"{name}: line {number}", f"is no CSV: {error}")) from None


def _of_header(name: str, names: list[str]) -> list[Wrong]:
    place = f"{name}: line 1"
    for mark, marks in _SEPARATORS.items():
        if len(names) == 1 and mark in names[0]:
            said = f"its columns are parted by {marks}: save it with commas"
            raise WrongListError(Wrong(place, said))
    twice = [one for one, count in Counter(names).items() if count > 1 and one]
    wrong = [Wrong(place, "stands in the header twice", f"column {one!r}") for one in twice]
    wrong += [
        Wrong(place, "has no name in the header", f"column {n}")
        for n, one in enumerate(names, 1)
        if not one
    ]
    return wrong
