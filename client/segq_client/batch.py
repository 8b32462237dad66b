"""A batch and what came of its jobs, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from segq_client.job import JobError, Output, outputs_from

_OVER = frozenset({"finished", "canceled"})


@dataclass(frozen=True)
class Batch:
    """A batch at the moment it was read.

    `state`: open, running, finished, canceling or canceled. `counts`: its jobs by their states.
    `cost`, `projected_cost` and `committed` are in USD, exact. `estimated_end` is RFC 3339; None:
    nobody can know. `pause_note`: why it pauses, in words; None: it does not. `raw` is the whole
    answer, for members that this version of the client does not name.
    """

    id: str
    name: str
    state: str
    jobs: int
    counts: Mapping[str, int] = field(compare=False)
    rejected: int
    cost: Decimal
    projected_cost: Decimal
    committed: Decimal
    images_per_minute: int
    estimated_end: str | None
    pause_note: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def is_over(self) -> bool:
        """It takes no more, and all its jobs have ended."""
        return self.state in _OVER

    @property
    def ended(self) -> int:
        """Jobs that have ended, well or not."""
        return sum(
            self.counts.get(one, 0) for one in ("succeeded", "failed", "canceled", "expired")
        )


@dataclass(frozen=True)
class RejectedLine:
    """A line that was not taken. `number` counts from 1; `errors` is all that is wrong with it."""

    number: int
    custom_id: str
    errors: tuple[Mapping[str, Any], ...] = field(compare=False)

    def __str__(self) -> str:
        wrong = "; ".join(f"{one['field']} {one['message']}" for one in self.errors)
        return f"line {self.number} ({self.custom_id}): {wrong}"


@dataclass(frozen=True)
class Uploaded:
    """What became of lines that were sent. `known`: they were there already."""

    accepted: int
    known: int
    rejected: int
    rejections: tuple[RejectedLine, ...]
    """The first of them, 100 at the most."""


@dataclass(frozen=True)
class BatchResult:
    """A job of a batch that has ended. `position` is the place of its line, from 0.

    `outputs_removed_at` (RFC 3339): since when its images are kept no more; None: they are there.
    `data_removed`: its error and outputs are told no more either.
    """

    custom_id: str
    position: int
    job_id: str
    state: str
    cost: Decimal
    seed: int | None
    error: JobError | None
    outputs: tuple[Output, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    outputs_removed_at: str | None = None
    data_removed: bool = False


@dataclass(frozen=True)
class ResultPage:
    """`next_cursor`: behind the last of them; None: there was none."""

    results: tuple[BatchResult, ...]
    next_cursor: str | None


def batch_from(body: Mapping[str, Any]) -> Batch:
    """Raises KeyError, TypeError, ValueError or ArithmeticError where the answer is not a batch."""
    pause = body.get("pause")
    return Batch(
        id=body["id"],
        name=body["name"],
        state=body["state"],
        jobs=int(body["jobs"]),
        counts={str(state): int(count) for state, count in body["counts"].items()},
        rejected=int(body.get("rejected", 0)),
        cost=Decimal(body["cost"]),
        projected_cost=Decimal(body["projected_cost"]),
        committed=Decimal(body.get("committed", body["cost"])),
        images_per_minute=int(body.get("images_per_minute", 0)),
        estimated_end=body.get("estimated_end"),
        pause_note=None if pause is None else str(pause.get("note") or pause.get("by") or ""),
        raw=body,
    )


def uploaded_from(body: Mapping[str, Any]) -> Uploaded:
    """Raises as `batch_from`; also of the members of a problem."""
    return Uploaded(
        accepted=int(body["accepted"]),
        known=int(body["known"]),
        rejected=int(body["rejected"]),
        rejections=tuple(map(rejected_from, body["rejections"])),
    )


def rejected_from(body: Mapping[str, Any]) -> RejectedLine:
    """Raises as `batch_from`."""
    return RejectedLine(int(body["line"]), str(body["custom_id"]), tuple(body["errors"]))


def result_from(body: Mapping[str, Any]) -> BatchResult:
    """Raises as `batch_from`."""
    error = body.get("error")
    return BatchResult(
        custom_id=body["custom_id"],
        position=int(body["position"]),
        job_id=body["job_id"],
        state=body["state"],
        cost=Decimal(body["cost"]),
        seed=body.get("seed"),
        error=None
        if error is None
        else JobError(error["kind"], error["message"], error.get("advice"), error.get("status")),
        outputs=outputs_from(body),
        raw=body,
        outputs_removed_at=body.get("outputs_removed_at"),
        data_removed=bool(body.get("data_removed", False)),
    )
