"""What can go wrong.

In brackets stand the API's own names, the `type` of a problem (docs/errors.md).

SegqError
├── SetupError                      the client cannot be made with this URL or this key
├── ProblemError                    the gateway answered, and refused (RFC 9457 problem+json)
│   ├── BadRequestError             it cannot be taken as it is [malformed-request wrong-method
│   │   │                           body-timeout too-large wrong-content-type wrong-range
│   │   │                           head-too-large]
│   │   └── InvalidFieldsError      some fields are wrong [invalid-fields]
│   ├── NotAllowedError             the key may not do this
│   │   ├── UnauthorizedError       it opens nothing [unauthorized]
│   │   └── InsufficientScopeError  it lacks a scope [insufficient-scope]
│   ├── BudgetExceededError         the budget does not cover it [budget-exceeded]
│   ├── NotFoundError               there is no such thing, or it is another tenant's [not-found]
│   │   └── DataRemovedError        it was here, and its time has passed [data-removed]
│   ├── ConflictError               something else stands against it
│   │   ├── IllegalMoveError        the job's state [illegal-move]
│   │   ├── RequestHeldError        another call has this request [request-held]
│   │   └── IdempotencyError        another request has this key [idempotency-key-in-use
│   │                               idempotency-key-reused]
│   ├── TooManyQueuedError          the tenant's queue is full [too-many-queued]
│   └── GatewayError                it broke there [internal]
│       └── UnavailableError        a part of it is away for a while [unavailable]
├── UnexpectedAnswerError           what came is no answer of this API, or not what a job made
├── Unreachable                     no whole answer came; whether what was asked was done is not known
├── BatchStalledError               a batch will not go on before somebody resumes it or ends doubts
├── StillWaitingError               a wait's time is up; the job goes on (also a TimeoutError)
└── JobEndedError                   a job that was run has no images to give
    ├── JobFailedError
    ├── JobExpiredError
    ├── JobCanceledError
    └── JobInDoubtError             nobody can tell yet whether its call was paid
"""

from collections.abc import Mapping
from typing import Any

from segq_client.batch import Batch
from segq_client.job import IN_DOUBT, Job

BEFORE_REPEAT = 0.5
"""Seconds, where nothing else was said."""


class SegqError(Exception):
    """Any error of this client. All can be pickled, as worker processes do with them."""

    repeat_after: float | None = None
    """In how many seconds (at most 5) to ask the very same again; None: it would be refused again.

    A POST is to keep its Idempotency-Key then, or what it asks for may be done twice.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Python's own way would call the class with the message alone.
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[SegqError], args: tuple[Any, ...], members: Mapping[str, Any]) -> SegqError:
    error = kind.__new__(kind)
    super(SegqError, error).__init__(*args)
    error.__dict__.update(members)
    return error


class SetupError(SegqError, ValueError):
    """The URL or the key is missing, or cannot be one. Nothing was sent."""


class UnexpectedAnswerError(SegqError):
    """A success whose body is not what the API answers, or an image with another hash."""


class Unreachable(SegqError):  # noqa: N818 (it says what is, in the words of the API's own docs)
    """Connecting failed, the connection broke, or the answer did not come in time."""

    repeat_after = BEFORE_REPEAT


class StillWaitingError(SegqError, TimeoutError):
    """The job was not settled when the time given was up. `job` is as it was last read."""

    def __init__(self, job: Job, seconds: float) -> None:
        self.job = job
        super().__init__(f"job {job.id} is still {job.state} after {seconds:g} s")


class BatchStalledError(SegqError):
    """A batch stands still until somebody acts. `batch` is as it was last read, `reason` why.

    It was stopped after failures (`batches.resume`), or nothing of it but jobs in doubt is left
    (`resolve`). All that had ended was told; iterated over again, its stream goes on.
    """

    def __init__(self, batch: Batch, reason: str) -> None:
        self.batch = batch
        self.reason = reason
        super().__init__(f"batch {batch.id} stands still: {reason}")


class JobEndedError(SegqError):
    """The job that was run did not succeed. `job` is as it ended, with what it cost.

    `kind`, `message` and `advice` are the API's (docs/errors.md has all kinds); None where it says
    nothing, as of a job that was canceled.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.kind: str | None = None
        self.message = job.note
        self.advice: str | None = None
        # Of one that was canceled an earlier call's trouble may be told still.
        if job.state != "canceled":
            said = job.doubt or job.error
            self.kind, self.message = (said.kind, said.message) if said else (None, job.note)
            if job.error and job.error.kind == self.kind:
                self.advice = job.error.advice
        ended = "is in doubt" if job.state == IN_DOUBT else job.state
        first = filter(None, (f"job {job.id} {ended}", self.kind, self.message))
        super().__init__("\n  ".join(filter(None, (": ".join(first), self.advice))))


class JobFailedError(JobEndedError):
    """It failed. `job.cost` may be more than zero: earlier calls of it may have been paid."""


class JobExpiredError(JobEndedError):
    """Its `start_by` or `finish_by` passed."""


class JobCanceledError(JobEndedError):
    """Somebody canceled it. Where its call was under way, `job.outputs` may hold the image."""


class JobInDoubtError(JobEndedError):
    """Nobody can tell yet whether its call ran and was paid. It is not final: segq looks for the call.

    To submit it anew may pay twice: read it again later, or `resolve` it.
    """


_ENDINGS = {
    "failed": JobFailedError,
    "expired": JobExpiredError,
    "canceled": JobCanceledError,
    IN_DOUBT: JobInDoubtError,
}


def ending_of(job: Job) -> JobEndedError:
    """The error for a settled job that did not succeed."""
    return _ENDINGS.get(job.state, JobEndedError)(job)
