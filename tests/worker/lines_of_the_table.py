"""What Segmind may answer, line by line (segmind-api §7 and what a network adds), and what follows."""

from dataclasses import dataclass
from typing import Any

from jobs.account_pauses import PauseReason
from jobs.failures import FailureKind
from jobs.states import State

NOWHERE = "http://segmind.invalid"
"""A name that no resolver knows (RFC 6761)."""


@dataclass(frozen=True)
class Line:
    """One answer and what becomes of a job that may be tried once.

    `effect` is the sandbox's; `runs`: the call is served and charged before it. `doubt` lines book
    nothing; all others book what the ledger charged.
    """

    name: str
    effect: dict[str, Any]
    state: State
    kind: FailureKind | None
    said: str = ""
    runs: bool = False
    pause: PauseReason | None = None
    deadline: float = 20.0
    spent: int = 1

    def __str__(self) -> str:
        return f"{self.name}{', ran' if self.runs else ''}"


def _status(status: int, error: str = "", body: str = "json", **more: Any) -> dict[str, Any]:
    words = {} if body == "empty" else {"error": error}
    return {"kind": "status", "status": status, "body": body, **words, **more}


def _fails(name: str, effect: dict[str, Any], kind: FailureKind, said: str) -> Line:
    return Line(name, effect, State.FAILED, kind, said)


def _kept(name: str, effect: dict[str, Any], kind: FailureKind, pause: PauseReason) -> Line:
    said = str(effect["error"])
    return Line(name, effect, State.QUEUED, kind, said, pause=pause, spent=0)


def _rejected(name: str, effect: dict[str, Any], said: str) -> Line:
    return Line(name, effect, State.FAILED, FailureKind.RESULT_REJECTED, said, runs=True)


def _doubts(
    name: str, effect: dict[str, Any], kind: FailureKind, said: str, deadline: float = 20.0
) -> tuple[Line, Line]:
    """Nobody can tell from outside whether it ran: the two must look the same."""
    doubt = State.IN_DOUBT
    one = Line(name, effect, doubt, kind, said, deadline=deadline)
    return one, Line(name, effect, doubt, kind, said, runs=True, deadline=deadline)


_LOST, _GATEWAY = FailureKind.CONNECTION_LOST, FailureKind.GATEWAY_ERROR
_INVALID, _FORM = FailureKind.INVALID_INPUT, FailureKind.BAD_REQUEST_FORM

LINES: tuple[Line, ...] = (
    _fails("400", _status(400, "prompt is too odd"), _INVALID, "prompt is too odd"),
    _kept("401", _status(401, "Unauthorized"), FailureKind.UNAUTHORIZED, PauseReason.KEY_REFUSED),
    _kept("403", _status(403, "not in your plan"), FailureKind.FORBIDDEN, PauseReason.FORBIDDEN),
    _fails("404", _status(404, "no such model"), FailureKind.MODEL_NOT_FOUND, "no such model"),
    _fails("405 as HTML", _status(405, "Method Not Allowed", "html"), _FORM, "Method Not Allowed"),
    _fails("406 form", _status(406, "Invalid content type"), _FORM, "Invalid content type"),
    _kept(
        "406 credits",
        _status(406, "Insufficient credits"),
        FailureKind.INSUFFICIENT_CREDITS,
        PauseReason.CREDITS,
    ),
    _fails(
        "406 parameter",
        _status(406, "Invalid value for parameter guidance_scale"),
        _INVALID,
        "guidance_scale",
    ),
    _kept(
        "406 spend limit",
        _status(406, "Team spend limit reached"),
        FailureKind.SPEND_LIMIT,
        PauseReason.SPEND_LIMIT,
    ),
    _fails("410", _status(410, "retired"), FailureKind.MODEL_RETIRED, "retired"),
    _fails("422", _status(422, "it ran and failed"), _INVALID, "it ran and failed"),
    _fails("500", _status(500, "Internal"), FailureKind.UPSTREAM_ERROR, "Internal"),
    _fails(
        "500 polling",
        _status(500, "Internal Polling Error"),
        FailureKind.UPSTREAM_ERROR,
        "Internal Polling Error",
    ),
    _fails("an unlisted 4xx", _status(418, "a teapot"), FailureKind.REFUSED, "a teapot"),
    _fails(
        "a redirect",
        _status(307, body="empty", headers={"Location": "/v1/elsewhere"}),
        _FORM,
        "redirects are not followed",
    ),
    *_doubts("502 as HTML", _status(502, "Bad Gateway", "html"), _GATEWAY, "Bad Gateway"),
    *_doubts("503 as text", _status(503, "try later", "text"), _GATEWAY, "try later"),
    *_doubts("504 empty", _status(504, body="empty"), _GATEWAY, "timed out"),
    *_doubts("an unlisted 5xx", _status(507, "no room"), _GATEWAY, "no room"),
    _rejected("200 with a JSON error", _status(200, "the model fell over"), "the model fell over"),
    _rejected("200 with HTML", _status(200, "Maintenance", "html"), "Maintenance"),
    _rejected("200 empty", _status(200, body="empty"), "the answer is"),
    _rejected("no image", {"kind": "garbage", "bytes": 1000}, "1000 bytes"),
    _rejected("half an image", {"kind": "garbage", "cut": True}, "do not decode"),
    _rejected("a bomb", {"kind": "bomb"}, "pixels"),
    _rejected("an endless body", {"kind": "endless"}, "larger than"),
    *_doubts("reset at once", {"kind": "reset", "at": "request"}, _LOST, "reset"),
    *_doubts("reset after the headers", {"kind": "reset", "at": "headers"}, _LOST, "reset"),
    *_doubts("reset in the body", {"kind": "reset", "at": "body"}, _LOST, ""),
    *_doubts("closed at once", {"kind": "reset", "at": "request", "how": "close"}, _LOST, "closed"),
    *_doubts("closed in the body", {"kind": "reset", "at": "body", "how": "close"}, _LOST, ""),
    *_doubts("silence", {"kind": "hang", "at": "request"}, _LOST, "within 1 s", 1.0),
    *_doubts("silence in the headers", {"kind": "hang", "at": "headers"}, _LOST, "1 s", 1.0),
    *_doubts("silence in the body", {"kind": "hang", "at": "body"}, _LOST, "1 s", 1.0),
    *_doubts("a cut body", {"kind": "truncate"}, _LOST, "broke off"),
    *_doubts(
        "dripping headers", {"kind": "drip", "part": "headers", "every": 0.3}, _LOST, "1 s", 1.0
    ),
    *_doubts("a dripping body", {"kind": "drip", "part": "body", "every": 0.3}, _LOST, "1 s", 1.0),
    Line(
        "a wrong label",
        {"kind": "content_type", "value": "text/html"},
        State.SUCCEEDED,
        None,
        runs=True,
    ),
    Line("no label", {"kind": "content_type", "value": None}, State.SUCCEEDED, None, runs=True),
    Line(
        "a slow answer",
        {"kind": "drip", "part": "body", "bytes": 4096, "every": 0.005},
        State.SUCCEEDED,
        None,
        runs=True,
    ),
    Line(
        "a late answer",
        {"kind": "hang", "at": "request", "seconds": 0.3, "then": "answer"},
        State.SUCCEEDED,
        None,
        runs=True,
    ),
)
