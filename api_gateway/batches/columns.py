"""What the columns of a CSV file mean: members of a job, its metadata, parameters of its model, or
values for the batch's templates.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api_gateway import envelope
from jobs import catalog
from jobs.catalog.inputs import shown
from jobs.catalog.model import Kind, Model
from jobs.errors import FieldProblem, InvalidInput, UnknownModel

MOST_COLUMNS = 1_000
METADATA = "metadata."
"""`metadata.order` is the member `order` of a job's metadata."""
_MEMBERS = frozenset({"custom_id", *envelope.MEMBERS} - {"input", "metadata", "group"})
_WHOLE = frozenset({"max_attempts"})
_LISTS = frozenset({"tags"})
_SEPARATORS = {b";": "semicolons", b"\t": "tabs"}
"""What some spreadsheets write in the place of commas."""


@dataclass(frozen=True)
class Row:
    """A row by its columns; an empty field is one that was not given."""

    fields: Mapping[str, str]


class Columns:
    """The header of one file."""

    def __init__(self, header: bytes, defaults: Mapping[str, Any], used: set[str]) -> None:
        """`used`: names that the batch's templates ask for. Raises `InvalidInput` for a header with
        a column that means nothing, or stands twice.
        """
        self._names = [name.strip() for name in _fields(header)]
        self._default = defaults.get("model")
        if len(self._names) > MOST_COLUMNS:
            why = f"has {len(self._names):,} columns, and may have {MOST_COLUMNS:,}"
            raise InvalidInput([FieldProblem("header", why)])
        wrong = [
            FieldProblem("header", f"names the column {shown(name)} twice")
            for name, count in sorted(Counter(self._names).items())
            if count > 1
        ]
        other = next((one for one in _SEPARATORS if one in header), None)
        if len(self._names) == 1 and other is not None:
            why = f"has one column: save the file with commas, not {_SEPARATORS[other]}"
            wrong.append(FieldProblem("header", why, shown(self._names[0])))
        elif "model" not in self._names:
            wrong += self._unknown(used)
        if wrong:
            raise InvalidInput(wrong)

    def _unknown(self, used: set[str]) -> list[FieldProblem]:
        model = _model(self._default)
        known = _MEMBERS | used | (model.parameters.keys() if model else set())
        return [
            FieldProblem(
                "header",
                "the column is no parameter of the model, no member of a job and in no template; "
                f"there are {', '.join(sorted(known))} and {METADATA}…",
                shown(name),
            )
            for name in self._names
            if name not in known and not name.startswith(METADATA)
        ]

    def row(self, raw: bytes) -> Row | None:
        """None for one whose fields are all empty, as spreadsheets leave behind the last. Raises
        `InvalidInput` for a row of another length than the header.
        """
        fields = _fields(raw)
        if len(fields) != len(self._names):
            raise _wrong(f"has {len(fields)} fields, and the header {len(self._names)}")
        found = {name: one for name, one in zip(self._names, fields, strict=True) if one}
        return Row(found) if found else None

    def line(self, row: Row, used: set[str]) -> dict[str, Any]:
        """The row as a line of JSON Lines would say it. Raises `InvalidInput`."""
        model = _model(row.fields.get("model", self._default))
        parameters = model.parameters if model else {}
        found: dict[str, Any] = {}
        given: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        wrong: list[FieldProblem] = []
        for name, text in row.fields.items():
            if name.startswith(METADATA):
                metadata[name.removeprefix(METADATA)] = text
            elif name in parameters:
                given[name] = _value(parameters[name].kind, text)
            elif name in _MEMBERS:
                found[name] = _member(name, text)
            elif name not in used:
                wrong.append(FieldProblem(name, "is no parameter of this model", shown(text)))
        if wrong:
            raise InvalidInput(wrong)
        if given:
            found["input"] = given
        if metadata:
            found["metadata"] = metadata
        return found


def _fields(raw: bytes) -> Sequence[str]:
    try:
        rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise _wrong(f"byte {error.start} is not UTF-8: save the file as UTF-8") from None
    except csv.Error as error:
        raise _wrong(f"is no CSV: {error}") from None
    if len(rows) > 1:
        raise _wrong("has a line break outside of quotes")
    return rows[0] if rows else []


def _wrong(why: str) -> InvalidInput:
    return InvalidInput([FieldProblem("row", why)])


def _model(slug: object) -> Model | None:
    try:
        return catalog.model(slug) if isinstance(slug, str) else None
    except UnknownModel:
        return None  # told with the job's other members


def _value(kind: Kind, text: str) -> Any:
    """A field as its parameter's type; one that is no such value stays text, and is told then."""
    match kind:
        case Kind.INTEGER:
            return _number(int, text)
        case Kind.NUMBER:
            whole = _number(int, text)
            return whole if isinstance(whole, int) else _number(float, text)
        case Kind.BOOLEAN:
            return {"true": True, "false": False}.get(text.strip().lower(), text)
        case _:
            return text


def _member(name: str, text: str) -> Any:
    if name in _WHOLE:
        return _number(int, text)
    if name in _LISTS:
        return [one.strip() for one in text.split(";") if one.strip()]
    return text


def _number(kind: type[int] | type[float], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text
