"""What can go wrong.

SegqError
├── ProblemError        the gateway answered, and refused (RFC 9457 problem+json)
├── Unreachable         no whole answer came; whether what was asked was done is not known
└── StillWaitingError   a wait's time is up; the job goes on (also a TimeoutError)
"""

import re
from dataclasses import dataclass
from typing import Any

_KEY_IN_USE = "/problems/idempotency-key-in-use"
_UNAVAILABLE = 503
_BEFORE_REPEAT = 0.5
# Whoever waits has a limit of their own in seconds: a proxy's hour would be over it unasked.
_LONGEST_BEFORE_REPEAT = 5.0


class SegqError(Exception):
    """Any error of this client."""

    repeat_after: float | None = None
    """In how many seconds (at most 5) to ask the very same again; None: it would be refused again.

    A POST is to keep its Idempotency-Key then, or what it asks for may be done twice.
    """


@dataclass(frozen=True)
class WrongField:
    """One entry of a problem's `errors`: which field, what is allowed there, and what came."""

    field: str
    message: str
    got: Any = None


class ProblemError(SegqError):
    """The gateway's refusal. `str()` gives title, detail and every wrong field, a line each."""

    def __init__(
        self,
        status: int,
        type: str,  # noqa: A002 (RFC 9457's own word)
        title: str,
        detail: str,
        errors: tuple[WrongField, ...] = (),
        retry_after: str | None = None,
    ) -> None:
        """`retry_after` is the header; only whole seconds of it are heeded, not a date."""
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.errors = errors
        if status == _UNAVAILABLE or type == _KEY_IN_USE:
            self.repeat_after = _seconds(retry_after)
        first = f"{status} {title}" + (f": {detail}" if detail else "")
        super().__init__("\n".join([first, *map(_line, errors)]))


class Unreachable(SegqError):  # noqa: N818 (it says what is, in the words of the API's own docs)
    """Connecting failed, the connection broke, or the answer did not come in time."""

    repeat_after = _BEFORE_REPEAT


class StillWaitingError(SegqError, TimeoutError):
    """The job was not in a final state when the time given to `wait` was up."""


def problem_from(status: int, body: Any, text: str, retry_after: str | None = None) -> ProblemError:
    """Read a problem+json body; of anything else (a proxy's page) the first words are kept."""
    if not isinstance(body, dict):
        return ProblemError(
            status, "about:blank", "Unexpected answer", text[:200], retry_after=retry_after
        )
    listed = body.get("errors")
    return ProblemError(
        status,
        str(body.get("type", "about:blank")),
        str(body.get("title", "Refused")),
        str(body.get("detail") or ""),
        tuple(
            WrongField(str(one.get("field", "?")), str(one.get("message", "")), one.get("got"))
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict)
        ),
        retry_after,
    )


def _seconds(retry_after: str | None) -> float:
    if retry_after is None or not re.fullmatch(r"[0-9]{1,9}", retry_after, re.ASCII):
        return _BEFORE_REPEAT
    # Retry-After: 0 is not taken as leave to ask without a pause.
    return min(max(float(retry_after), _BEFORE_REPEAT), _LONGEST_BEFORE_REPEAT)


def _line(wrong: WrongField) -> str:
    came = "" if wrong.got is None else f" (got {wrong.got!r})"
    return f"  {wrong.field}: {wrong.message}{came}"
