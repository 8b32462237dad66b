"""The gateway's refusals (RFC 9457) as errors: a class for each kind that a program handles alike."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from segq_client.errors import BEFORE_REPEAT, SegqError
from segq_client.request import Answer

_PREFIX = "/problems/"
_KEY_IN_USE = "/problems/idempotency-key-in-use"
# 502 and 504 are never the gateway's: a proxy says so while it is started anew.
_AWAY = frozenset({502, 503, 504})
# Whoever waits has a limit of their own in seconds: a proxy's hour would be over it unasked.
_LONGEST_BEFORE_REPEAT = 5.0


@dataclass(frozen=True)
class WrongField:
    """One entry of a problem's `errors`: which field, what is allowed there, and what came."""

    field: str
    message: str
    got: Any = None


class ProblemError(SegqError):
    """The gateway's refusal. `str()` gives title, detail and every wrong field, a line each.

    `members` is the whole problem, for what has no name here. `retry_after` is what the answer's
    header said, in whole seconds and without a bound; None: it said none, or a date.
    """

    def __init__(
        self,
        status: int,
        type: str,  # noqa: A002 (RFC 9457's own word)
        title: str,
        detail: str,
        errors: tuple[WrongField, ...] = (),
        retry_after: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        """`retry_after` is the header; only whole seconds of it are heeded, not a date."""
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.errors = errors
        self.retry_after = _seconds(retry_after)
        self.members = dict(members or {})
        if status in _AWAY or type == _KEY_IN_USE:
            # Retry-After: 0 is not taken as leave to ask without a pause.
            least = max(self.retry_after or 0.0, BEFORE_REPEAT)
            self.repeat_after = min(least, _LONGEST_BEFORE_REPEAT)
        first = f"{status} {title}" + (f": {detail}" if detail else "")
        super().__init__("\n".join([first, *map(_line, errors)]))


class BadRequestError(ProblemError):
    """It cannot be taken as it is, whoever sends it and whenever."""


class InvalidFieldsError(BadRequestError):
    """Some fields are wrong: `errors` names up to 100 of them, with what is allowed and what came."""


class NotAllowedError(ProblemError):
    """The key may not do this."""


class UnauthorizedError(NotAllowedError):
    """The key opens nothing: it is misspelt, of another system, or revoked."""


class InsufficientScopeError(NotAllowedError):
    """The key is good, but not for this."""

    @property
    def scope(self) -> str | None:
        """What it lacks: submit, read, cancel or admin."""
        return _text(self.members.get("scope"))


class BudgetExceededError(ProblemError):
    """A budget does not cover the job's next call; nothing was kept. Amounts are in USD, exact."""

    @property
    def period(self) -> str | None:
        """Which budget: total, day or month."""
        return _text(self.members.get("period"))

    @property
    def left(self) -> Decimal | None:
        """What may still be reserved of it."""
        return _amount(self.members.get("left"))

    @property
    def asked(self) -> Decimal | None:
        """What the job's next call may cost."""
        return _amount(self.members.get("asked"))


class NotFoundError(ProblemError):
    """There is no such job, output, model or address, or it is another tenant's."""


class DataRemovedError(NotFoundError):
    """It was here, and the time has passed for which it is kept."""


class ConflictError(ProblemError):
    """Something else stands against it: the job's state, or another request."""


class IllegalMoveError(ConflictError):
    """The job's state does not allow this; `detail` says what can still be done."""


class RequestHeldError(ConflictError):
    """The request at Segmind that was named is another call's."""


class IdempotencyError(ConflictError):
    """The Idempotency-Key belongs to another request: one under way (409), or another body (422)."""


class TooManyQueuedError(ProblemError):
    """As many jobs wait as the tenant may have. Submit again in `retry_after` seconds."""

    @property
    def queued(self) -> int | None:
        """Jobs that wait, as of a moment ago."""
        return _number(self.members.get("queued"))

    @property
    def max_queued(self) -> int | None:
        """How many may."""
        return _number(self.members.get("max_queued"))


class GatewayError(ProblemError):
    """A fault of segq. Whether what was asked was done is not known."""


class UnavailableError(GatewayError):
    """SQL, the store of images or the gateway itself is away for a while."""


BY_TYPE: Mapping[str, type[ProblemError]] = {
    "malformed-request": BadRequestError,
    "wrong-method": BadRequestError,
    "body-timeout": BadRequestError,
    "too-large": BadRequestError,
    "wrong-content-type": BadRequestError,
    "wrong-range": BadRequestError,
    "head-too-large": BadRequestError,
    "invalid-fields": InvalidFieldsError,
    "unauthorized": UnauthorizedError,
    "insufficient-scope": InsufficientScopeError,
    "budget-exceeded": BudgetExceededError,
    "not-found": NotFoundError,
    "data-removed": DataRemovedError,
    "illegal-move": IllegalMoveError,
    "request-held": RequestHeldError,
    "idempotency-key-in-use": IdempotencyError,
    "idempotency-key-reused": IdempotencyError,
    "too-many-queued": TooManyQueuedError,
    "internal": GatewayError,
    "unavailable": UnavailableError,
}
"""Every kind of problem that the gateway has, by its name."""


def problem_in(answer: Answer) -> ProblemError:
    """Read a refusal; of what is not problem+json (a proxy's page) the first words are kept."""
    retry_after = answer.headers.get("Retry-After")
    otherwise = UnavailableError if answer.status in _AWAY else ProblemError
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        said = answer.body[:800].decode(errors="replace")[:200]
        return otherwise(
            answer.status, "about:blank", "Unexpected answer", said, retry_after=retry_after
        )
    type_ = str(body.get("type", "about:blank"))
    listed = body.get("errors")
    return BY_TYPE.get(type_.removeprefix(_PREFIX), otherwise)(
        answer.status,
        type_,
        str(body.get("title", "Refused")),
        str(body.get("detail") or ""),
        tuple(
            WrongField(str(one.get("field", "?")), str(one.get("message", "")), one.get("got"))
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict)
        ),
        retry_after,
        body,
    )


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not re.fullmatch(r"[0-9]{1,9}", retry_after, re.ASCII):
        return None
    return float(retry_after)


def _line(wrong: WrongField) -> str:
    came = "" if wrong.got is None else f" (got {wrong.got!r})"
    return f"  {wrong.field}: {wrong.message}{came}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _amount(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
