"""The body of a resolve: checks every member and names all that are wrong."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from api_gateway import storable
from api_gateway.kept_images import sha256_of
from db.resolving import Verdict
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

T = TypeVar("T")

LONGEST_NOTE = 2_000
LONGEST_ID = 200
MEMBERS = ("as", "note", "request_id", "output")
_OF_A_SUCCESS = ("request_id", "output")
_ID = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}", re.ASCII)


@dataclass(frozen=True)
class Given:
    """A resolve's members. `sha256` is that of the image that `output` refers to."""

    verdict: Verdict
    note: str
    request_id: str | None
    sha256: str | None


def read(body: Any) -> Given:
    """Raises `InvalidInput`. An optional member that is null was not given."""
    if not isinstance(body, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(body))])
    wrong = [
        FieldProblem(name, f"is no member of this; it has {', '.join(MEMBERS)}", shown(body[name]))
        for name in body
        if name not in MEMBERS
    ]

    def take(name: str, reader: Callable[[Any], T]) -> T | None:
        try:
            return reader(body[name])
        except KeyError:
            wrong.append(FieldProblem(name, "is required"))
        except ValueError as error:
            wrong.append(FieldProblem(name, str(error), shown(body[name])))
        return None

    verdict, note = take("as", _verdict), take("note", _note)
    given = [name for name in _OF_A_SUCCESS if body.get(name) is not None]
    request_id = take("request_id", _request_id) if "request_id" in given else None
    sha256 = take("output", sha256_of) if "output" in given else None
    if verdict is Verdict.SUCCEEDED and not given:
        missing = "is required, or {}: as succeeded needs the image, or the request that has it"
        wrong += [
            FieldProblem(name, missing.format(other))
            for name, other in zip(_OF_A_SUCCESS, reversed(_OF_A_SUCCESS), strict=True)
        ]
    elif verdict in {Verdict.RETRY, Verdict.FAILED}:
        only = "is only for as succeeded"
        wrong += [FieldProblem(name, only, shown(body[name])) for name in given]
    if wrong or verdict is None or note is None:
        raise InvalidInput(wrong)
    return Given(verdict, note, request_id, sha256)


def _verdict(value: object) -> Verdict:
    try:
        return Verdict(value)  # type: ignore[arg-type]  # a value of any type is refused alike
    except ValueError:
        raise ValueError(f"must be one of {[str(one) for one in Verdict]}") from None


def _note(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NOTE:
        raise ValueError(f"must be a text of 1 to {LONGEST_NOTE:,} characters that says why")
    if complaint := storable.complaint(value):
        raise ValueError(complaint)
    return value


def _request_id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError(f"must be Segmind's id: 1 to {LONGEST_ID} printable ASCII characters")
    return value
