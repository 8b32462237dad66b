"""From a record of an upload to a line of a batch: defaults and templates filled in, all checked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api_gateway import job_in, problems, storable, strict_json
from api_gateway.batches.columns import Columns
from api_gateway.batches.records import LONGEST, Record
from api_gateway.batches.templates import Filling, names_in
from api_gateway.images_in import Picture
from api_gateway.job_in import Resolve
from api_gateway.problems import Problem
from db.batch_rows import Batch, Line, NewBatch, Rejection
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

LONGEST_ID = 200
MOST_ERRORS = 20
"""Of one line are told, and kept; a line may have a hundred thousand wrong members."""
_VARS = "vars"
_NOT_OF_JOB = frozenset({"custom_id", _VARS})


class LineReader:
    """Reads the records of one upload into one batch, in order."""

    def __init__(
        self,
        batch: Batch | NewBatch,
        resolve: Resolve,
        first_line: int = 1,
        *,
        is_csv: bool = False,
    ) -> None:
        """`resolve` finds what an image refers to. `first_line`: the number of the first record, for
        an upload in parts.
        """
        self._batch = batch
        self._resolve = resolve
        self._offset = first_line - 1
        self._is_csv = is_csv
        self._columns: Columns | None = None
        self._used = names_in(batch.defaults)
        self._rest = {name: one for name, one in batch.defaults.items() if name != "input"}
        self._input = batch.defaults.get("input", {})
        self.pictures: list[Picture] = []
        """Those that came inside lines, since this was emptied."""

    def read(self, record: Record) -> Line | Rejection | None:
        """The line, or all that is wrong with it; None for what is no line, as a header.

        Raises `InvalidInput` for a header that cannot be used: no line means anything then.
        """
        number = record.number + self._offset
        if record.raw is None:
            return _rejected(number, {}, [FieldProblem("line", _too_long(record))])
        given: dict[str, Any] | None = {}
        try:
            if self._is_csv and self._columns is None:
                self._columns = Columns(record.raw, self._batch.defaults, self._used)
                return None
            given = self._given(record.raw)
            return None if given is None else self._line(number, given)
        except Problem as problem:
            wrong = [replace(one, field="line") for one in problem.errors]
            return _rejected(number, given or {}, wrong)
        except InvalidInput as error:
            if self._is_csv and self._columns is None:
                raise
            return _rejected(number, given or {}, error.problems)

    def line_of(self, number: int, given: Any) -> Line | Rejection:
        """A line that was read from JSON before; or all that is wrong with it."""
        known: dict[str, Any] = {}
        try:
            known = _an_object(given)
            return self._line(number, known)
        except InvalidInput as error:
            return _rejected(number, known, error.problems)

    def _given(self, raw: bytes) -> dict[str, Any] | None:
        """None: an empty row. Raises `InvalidInput`, and the problem of what is no JSON."""
        if self._columns is None:
            return _an_object(strict_json.parse(raw))
        row = self._columns.row(raw)
        if row is None:
            return None
        return {**self._columns.line(row, self._used), _VARS: row.fields}

    def _line(self, number: int, given: dict[str, Any]) -> Line | Rejection:
        custom_id = _custom_id(number, given)
        whole = self._with_defaults(given)
        digest = _digest(whole)
        batch = self._batch
        try:
            new, pictures = job_in.job_of(self._resolve, batch.pool, batch.tenant_id, whole)
        except InvalidInput as error:
            return _rejected(number, given, error.problems, digest)
        self.pictures += pictures
        follows = "priority" not in whole
        new = replace(
            new,
            batch_id=batch.id,
            custom_id=custom_id,
            group=batch.group,
            priority=batch.priority if follows else new.priority,
        )
        return Line(number, custom_id, new, digest, follows)

    def _with_defaults(self, given: dict[str, Any]) -> dict[str, Any]:
        """What the line says, over what the batch does. Raises `InvalidInput`."""
        if "group" in given:
            why = "is for jobs outside of batches: a batch's jobs are a group of their own"
            raise InvalidInput([FieldProblem("group", why, shown(given["group"]))])
        own = given.get("input", {})
        said = {name: one for name, one in given.items() if name not in _NOT_OF_JOB}
        if not isinstance(own, dict):
            return {**self._rest, **said, "input": own}
        rest, input_ = _but(self._rest, said), _but(self._input, own)
        if self._used:
            filling = Filling(self._values(given))
            try:
                rest, input_ = filling.fill(rest), filling.fill(input_)
            except ValueError as error:
                raise InvalidInput([FieldProblem(_VARS, str(error))]) from None
            if filling.missing:
                raise InvalidInput([_no_value(name) for name in sorted(filling.missing)])
        return {**rest, **said, "input": {**input_, **own}}

    def _values(self, given: Mapping[str, Any]) -> dict[str, str]:
        """What templates ask for and the line has. Raises `InvalidInput`."""
        found = given.get(_VARS, {})
        if not isinstance(found, dict):
            raise InvalidInput([FieldProblem(_VARS, "must be an object", shown(found))])
        return {
            name: found[name] if isinstance(found[name], str) else json.dumps(found[name])
            for name in self._used & found.keys()
        }


def _an_object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidInput([FieldProblem("line", "must be a JSON object", shown(given))])
    return given


def _but(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in defaults.items() if name not in given}


def _custom_id(number: int, given: Mapping[str, Any]) -> str:
    """Raises `InvalidInput`."""
    found = given.get("custom_id")
    if found is None:
        return _of_number(number)
    if not isinstance(found, str) or not 1 <= len(found) <= LONGEST_ID:
        why = f"must be a string of 1 to {LONGEST_ID} characters"
        raise InvalidInput([FieldProblem("custom_id", why, shown(found))])
    if complaint := storable.complaint(found):
        raise InvalidInput([FieldProblem("custom_id", complaint, shown(found))])
    return found


def _of_number(number: int) -> str:
    """The name of a line without one: the same line, sent again at its place, is known by it."""
    return f"line-{number}"


def _no_value(name: str) -> FieldProblem:
    return FieldProblem(_VARS, f"has no {name}, which a template of the batch asks for")


def _digest(whole: Mapping[str, Any]) -> bytes:
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _too_long(record: Record) -> str:
    if record.last is not None and record.last > record.number:
        return (
            f"and those up to {record.last:,} are one row, longer than {LONGEST:,} bytes: a field "
            "begins with a quote, and none ends it"
        )
    return f"is longer than {LONGEST:,} bytes: upload an image first, and refer to it"


def _rejected(
    number: int,
    given: Mapping[str, Any],
    wrong: Sequence[FieldProblem],
    digest: bytes | None = None,
) -> Rejection:
    found = given.get("custom_id")
    named = isinstance(found, str) and 1 <= len(found) <= LONGEST_ID
    usable = named and not storable.complaint(found)
    told = tuple(replace(one, field=problems.printable(one.field)) for one in wrong[:MOST_ERRORS])
    return Rejection(number, str(found) if usable else _of_number(number), told, digest)
