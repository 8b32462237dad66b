"""What can go wrong.

SegqError
├── ProblemError        the gateway answered, and refused (RFC 9457 problem+json)
├── Unreachable         no whole answer came; whether a submit was accepted is not known
└── StillWaitingError   a wait's time is up; the job goes on (also a TimeoutError)
"""

from dataclasses import dataclass
from typing import Any


class SegqError(Exception):
    """Any error of this client."""


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
    ) -> None:
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.errors = errors
        first = f"{status} {title}" + (f": {detail}" if detail else "")
        super().__init__("\n".join([first, *map(_line, errors)]))


class Unreachable(SegqError):  # noqa: N818 (it says what is, in the words of the API's own docs)
    """Connecting failed, the connection broke, or the answer did not come in time."""


class StillWaitingError(SegqError, TimeoutError):
    """The job was not in a final state when the time given to `wait` was up."""


def problem_from(status: int, body: Any, text: str) -> ProblemError:
    """Read a problem+json body; of anything else (a proxy's page) the first words are kept."""
    if not isinstance(body, dict):
        return ProblemError(status, "about:blank", "Unexpected answer", text[:200])
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
    )


def _line(wrong: WrongField) -> str:
    came = "" if wrong.got is None else f" (got {wrong.got!r})"
    return f"  {wrong.field}: {wrong.message}{came}"
