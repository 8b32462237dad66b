"""The lines of a batch before they are sent: rows of a CSV or objects of JSON, each with its name."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cli.batch.wrong import Wrong
from segq_client.request import json_of

LONGEST_ID = 200
"""Characters of a `custom_id`, as the API takes it."""


@dataclass(frozen=True, slots=True)
class Line:
    """`number`: of its line in the file, from 1; `place`: the same in words, with the file.

    `given`: fields by their columns, or the members of a JSON object; without its name.
    """

    custom_id: str
    number: int
    place: str
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Lines:
    """All of them. `columns` are those of the CSV, without `custom_id`; None: it is JSON."""

    columns: tuple[str, ...] | None
    all: Sequence[Line]

    def parameters(self, line: Line) -> Mapping[str, Any]:
        """What it says of its model's parameters; of a CSV all its fields."""
        if self.columns is not None:
            return line.given
        found = line.given.get("input")
        return found if isinstance(found, Mapping) else {}

    def with_parameters(self, line: Line, values: Mapping[str, Any]) -> Line:
        """The line with these in the place of those that it has."""
        if self.columns is not None:
            return replace(line, given={**line.given, **values})
        return replace(line, given={**line.given, "input": {**self.parameters(line), **values}})

    def text(self, line: Line) -> str:
        """The line as it is sent."""
        if self.columns is None:
            return json_of({"custom_id": line.custom_id, **line.given}).decode()
        return csv_row([line.custom_id, *(line.given.get(one, "") for one in self.columns)])

    @property
    def header(self) -> str | None:
        """What stands before the lines of a CSV."""
        return None if self.columns is None else csv_row(["custom_id", *self.columns])


def csv_row(fields: Sequence[str]) -> str:
    """A row without its end. All is quoted, since a field may hold what some take for a line's end."""
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="").writerow(fields)
    return written.getvalue()


def twice(lines: Sequence[Line]) -> list[Wrong]:
    """Names that two lines have, with both places; and those that are too long."""
    first: dict[str, str] = {}
    wrong: list[Wrong] = []
    for line in lines:
        other = first.setdefault(line.custom_id, line.place)
        if other is not line.place:
            said = f"{line.custom_id!r} is the name of {other} already"
            wrong.append(Wrong(line.place, said, "custom_id"))
        elif not 1 <= len(line.custom_id) <= LONGEST_ID:
            said = f"must have 1 to {LONGEST_ID} characters, not {len(line.custom_id)}"
            wrong.append(Wrong(line.place, said, "custom_id"))
    return wrong
