"""What can go wrong with a call, and what each kind asks of the job.

Source: segmind-api §7. `upstream/failure_table.py` maps a reply to a kind; this table maps a kind
to a reaction; nothing else decides either.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class FailureKind(StrEnum):
    """Why a call brought no image."""

    INVALID_INPUT = "invalid_input"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_RETIRED = "model_retired"
    BAD_REQUEST_FORM = "bad_request_form"
    """405, 406 "Invalid content type", a redirect: a bug of ours or a wrong base URL."""
    REFUSED = "refused"
    """Another 4xx than those that segmind-api.md lists."""
    RESULT_REJECTED = "result_rejected"
    """A 2xx whose body is no image that we accept, or an output that is gone. Counts as paid."""
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    SPEND_LIMIT = "spend_limit"
    RATE_LIMITED = "rate_limited"
    UPSTREAM_ERROR = "upstream_error"
    """500: internal, probably not billed."""
    GATEWAY_ERROR = "gateway_error"
    """502, 503, 504 and other 5xx: the call may have run behind it."""
    CONNECTION_LOST = "connection_lost"
    """Timeout, reset or a truncated body after the first byte was sent: it may have run."""
    INFERENCE_FAILED = "inference_failed"
    """v2: Segmind ran the inference and says that it failed, for no reason that passes by itself."""
    RECORD_EXPIRED = "record_expired"
    """v2: Segmind keeps a request's record for an hour; what became of it cannot be asked any more."""
    NOT_SENT = "not_sent"
    """Provably unsent: connect, DNS or TLS failed, or the worker stopped before it wrote."""
    NOT_KEPT = "not_kept"
    """A paid image came and could not be stored, though it was tried again and again."""
    WORKER_LOST = "worker_lost"
    """The lease ran out with no receipt: nobody can say whether the call was sent."""


class Reaction(StrEnum):
    """What becomes of the job."""

    FAIL = "fail"
    RETRY = "retry"
    """Again after backoff, a bounded number of times; spends an attempt."""
    KEEP = "keep"
    """The account pauses, the job goes back to the queue; spends no attempt."""
    FREE = "free"
    """Again after a short backoff; spends no attempt, since nothing was sent."""
    DOUBT = "doubt"


REACTIONS = MappingProxyType(
    {
        FailureKind.INVALID_INPUT: Reaction.FAIL,
        FailureKind.MODEL_NOT_FOUND: Reaction.FAIL,
        FailureKind.MODEL_RETIRED: Reaction.FAIL,
        FailureKind.BAD_REQUEST_FORM: Reaction.FAIL,
        FailureKind.REFUSED: Reaction.FAIL,
        FailureKind.RESULT_REJECTED: Reaction.FAIL,
        FailureKind.UNAUTHORIZED: Reaction.KEEP,
        FailureKind.FORBIDDEN: Reaction.KEEP,
        FailureKind.INSUFFICIENT_CREDITS: Reaction.KEEP,
        FailureKind.SPEND_LIMIT: Reaction.KEEP,
        FailureKind.RATE_LIMITED: Reaction.KEEP,
        FailureKind.UPSTREAM_ERROR: Reaction.RETRY,
        FailureKind.GATEWAY_ERROR: Reaction.DOUBT,
        FailureKind.CONNECTION_LOST: Reaction.DOUBT,
        FailureKind.INFERENCE_FAILED: Reaction.FAIL,
        FailureKind.RECORD_EXPIRED: Reaction.DOUBT,
        FailureKind.NOT_SENT: Reaction.FREE,
        FailureKind.NOT_KEPT: Reaction.DOUBT,
        FailureKind.WORKER_LOST: Reaction.DOUBT,
    }
)


_LOOKED_FOR = (
    "nothing: segq looks for the call in Segmind's history; `looked` and `segq doubts` say what it "
    "found"
)
_ACCOUNT = "nothing: the job is kept and runs by itself when the account may call again"
ADVICE = MappingProxyType(
    {
        FailureKind.INVALID_INPUT: "change what the message names and submit the job anew",
        FailureKind.MODEL_NOT_FOUND: "choose another model; GET /api/v1/models lists them",
        FailureKind.MODEL_RETIRED: "choose another model; GET /api/v1/models lists them",
        FailureKind.BAD_REQUEST_FORM: "have the operator look at SEGMIND_BASE_URL; if that is right "
        "it is a fault of segq: report it with this message",
        FailureKind.REFUSED: "do what the message says, then retry the job",
        FailureKind.RESULT_REJECTED: "look at the message before you retry: the call counts as paid",
        FailureKind.UNAUTHORIZED: _ACCOUNT,
        FailureKind.FORBIDDEN: "nothing: the job is kept until the operator resumes its model",
        FailureKind.INSUFFICIENT_CREDITS: _ACCOUNT,
        FailureKind.SPEND_LIMIT: _ACCOUNT,
        FailureKind.RATE_LIMITED: _ACCOUNT,
        FailureKind.UPSTREAM_ERROR: "retry the job; if it fails again, change its input: a value "
        "that the model cannot work with often ends so",
        FailureKind.GATEWAY_ERROR: _LOOKED_FOR,
        FailureKind.CONNECTION_LOST: _LOOKED_FOR,
        FailureKind.INFERENCE_FAILED: "change what the message names and submit the job anew; where "
        "it names nothing, retry the job",
        FailureKind.RECORD_EXPIRED: _LOOKED_FOR,
        FailureKind.NOT_SENT: "nothing: the job is sent again by itself",
        FailureKind.NOT_KEPT: "have the operator look at the artifact store; the call was paid",
        FailureKind.WORKER_LOST: _LOOKED_FOR,
    }
)
"""What whoever owns the job, or runs segq, can do about each kind."""


@dataclass(frozen=True)
class Failure:
    """A call that brought no image. `message` is fit for the job's owner and holds no key."""

    kind: FailureKind
    message: str
    status: int | None = None
    """HTTP status, where there was an answer."""
    resets_at: datetime | None = None
    """When a rate limit says that it ends, as the answer told it; None when it did not say."""

    @property
    def reaction(self) -> Reaction:
        return REACTIONS[self.kind]
