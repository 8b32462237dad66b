"""Reads JSON Lines, or an array of objects: only the form, since the gateway knows the members."""

import json
from collections.abc import Iterator
from typing import Any

from cli.batch.lines import Line, Lines
from cli.batch.wrong import Wrong, WrongListError
from segq_client.request import json_of


def read_json_lines(name: str, text: str) -> tuple[Lines, list[Wrong]]:
    """An object a line; blank lines are none."""
    found: list[Line] = []
    wrong: list[Wrong] = []
    for number, one in enumerate(text.split("\n"), 1):
        if one.strip():
            place = f"{name}: line {number}"
            try:
                found.append(_line(number, place, _parsed(one)))
            except ValueError as error:
                wrong.append(Wrong(place, *_said(error)))
    return Lines(None, found), wrong


def read_json_array(name: str, text: str) -> tuple[Lines, list[Wrong]]:
    """An array; its members are numbered from 1. Raises `WrongListError` where it is none."""
    try:
        members = _parsed(text)
    except json.JSONDecodeError as error:
        place = f"{name}: line {error.lineno}"
        raise WrongListError(Wrong(place, f"is no JSON: {error.msg}")) from None
    except ValueError as error:
        raise WrongListError(Wrong(name, str(error))) from None
    if not isinstance(members, list):
        raise WrongListError(Wrong(name, "must be an array of objects, [{…}, {…}]"))
    found: list[Line] = []
    wrong: list[Wrong] = []
    for number, one in enumerate(members, 1):
        place = f"{name}: member {number}"
        try:
            found.append(_line(number, place, one))
        except ValueError as error:
            wrong.append(Wrong(place, *_said(error)))
    return Lines(None, found), wrong


def _line(number: int, place: str, given: Any) -> Line:
    if not isinstance(given, dict):
        raise ValueError(f"must be an object, not {json.dumps(given)[:40]}")  # noqa: TRY004
    custom_id = given.get("custom_id")
    if custom_id is not None and not isinstance(custom_id, str):
        raise _FieldError("custom_id", f"must be a string, not {json.dumps(custom_id)[:40]}")
    try:
        json_of(given)
    except ValueError as error:  # a surrogate alone, or 1e999
        raise ValueError(f"cannot be sent as JSON: {error}") from None
    rest = {name: one for name, one in given.items() if name != "custom_id"}
    return Line(f"line-{number}" if custom_id is None else custom_id, number, place, rest)


class _FieldError(ValueError):
    """Wrong is one member of a line."""


def _said(error: ValueError) -> Iterator[str]:
    """The message, and the member where it is of one."""
    if isinstance(error, _FieldError):
        field, message = error.args
        return iter((message, field))
    if isinstance(error, json.JSONDecodeError):
        return iter((f"is no JSON: {error.msg}, at character {error.pos + 1}",))
    return iter((str(error),))


def _parsed(text: str) -> Any:
    """Raises ValueError, also for what the gateway would refuse: a name twice, NaN."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"has the member {again!r} twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"has {text}, which is no number in JSON")
