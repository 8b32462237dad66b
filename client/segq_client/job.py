"""A job as the gateway shows it, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

FINAL_STATES = frozenset({"succeeded", "failed", "canceled", "expired"})
IN_DOUBT = "in_doubt"


@dataclass(frozen=True)
class Output:
    """One kept image. `url` may be relative to the gateway; sizes are in pixels and bytes."""

    url: str
    content_type: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True)
class JobError:
    """Why a job failed, or what was last in its way. docs/errors.md has all kinds.

    `advice` is what to do; `status` that of Segmind's answer. None: there is none.
    """

    kind: str
    message: str
    advice: str | None = None
    status: int | None = None


@dataclass(frozen=True)
class Doubt:
    """What is not known of a job's latest call. Times are RFC 3339; `estimate` is in USD.

    `looked` is what the last look at Segmind's history came to; None before the first.
    """

    since: str
    kind: str
    message: str | None
    estimate: Decimal | None
    looked: str | None
    next_look_at: str | None


@dataclass(frozen=True)
class Job:
    """A job at the moment it was read.

    `cost` is in USD, exact, None while unknown. `position` (1: the next call) and `estimated_start`
    (RFC 3339) are of a queued job that was read by `get`; None: nobody can know. `group`, `tags` and
    `metadata` are as they were given; `note` says in words why it waits, or what a cancel means for
    the money. `raw` is the whole answer, for members that this version of the client does not name.
    """

    id: str
    model: str
    state: str
    outputs: tuple[Output, ...]
    cost: Decimal | None
    attempts: int
    error: JobError | None
    waiting_for: str | None
    position: int | None
    estimated_start: str | None
    seed: int | None
    on_doubt: str | None
    doubt_deadline: str | None
    doubt: Doubt | None
    note: str | None
    group: str
    tags: tuple[str, ...]
    # Not compared, so that a job can be a member of a set.
    metadata: Mapping[str, Any] = field(compare=False)
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def is_final(self) -> bool:
        """Succeeded, failed, canceled or expired."""
        return self.state in FINAL_STATES

    @property
    def is_settled(self) -> bool:
        """Final, or in doubt: nothing more is to be expected soon."""
        return self.is_final or self.state == IN_DOUBT


def job_from(body: Mapping[str, Any]) -> Job:
    """Raises KeyError, TypeError, ValueError or ArithmeticError where the answer is not a job."""
    error = body.get("error")
    attempts = body.get("attempts", 0)
    return Job(
        id=body["id"],
        model=body["model"],
        state=body["state"],
        outputs=outputs_from(body),
        cost=None if body.get("cost") is None else Decimal(body["cost"]),
        attempts=len(attempts) if isinstance(attempts, list) else int(attempts),
        error=None
        if error is None
        else JobError(error["kind"], error["message"], error.get("advice"), error.get("status")),
        waiting_for=body.get("waiting_for"),
        position=body.get("position"),
        estimated_start=body.get("estimated_start"),
        seed=body.get("seed"),
        on_doubt=body.get("on_doubt"),
        doubt_deadline=body.get("doubt_deadline"),
        doubt=None if body.get("doubt") is None else _doubt(body["doubt"]),
        note=body.get("note"),
        group=body.get("group") or "",
        tags=tuple(body.get("tags") or ()),
        metadata=body.get("metadata") or {},
        raw=body,
    )


def outputs_from(body: Mapping[str, Any]) -> tuple[Output, ...]:
    """Raises KeyError or TypeError."""
    return tuple(
        Output(
            url=one["url"],
            content_type=one["content_type"],
            width=one.get("width"),
            height=one.get("height"),
            bytes=one["bytes"],
            sha256=one["sha256"],
        )
        for one in body.get("outputs") or ()
    )


def _doubt(body: Mapping[str, Any]) -> Doubt:
    return Doubt(
        since=body["since"],
        kind=body["kind"],
        message=body.get("message"),
        estimate=None if body.get("estimate") is None else Decimal(body["estimate"]),
        looked=body.get("looked"),
        next_look_at=body.get("next_look_at"),
    )
