"""What a job becomes when its attempt is settled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.failures import ADVICE, Failure
from jobs.retry import Decision
from jobs.states import State


@dataclass(frozen=True)
class Settled:
    """The job's next state, when it may run again (only `scheduled`), and what its owner reads."""

    state: State
    run_at: datetime | None
    error: dict[str, Any] | None
    keeps_images: bool = True
    """False: whoever canceled the job did not want its image, though it is paid for."""


def settled(
    decision: Decision,
    failure: Failure | None,
    *,
    leaving: State,
    canceled: bool,
    drops_image: bool = False,
    finish_by: datetime | None,
) -> Settled:
    """What follows from an attempt's `decision` for a job that is `leaving` this state.

    A cancel that came while the call ran wins over all but a doubt: the call was let finish and
    what it cost is booked; a doubt stays, since money may be in it. A job that leaves a doubt with
    an image succeeded, canceled or not: it is paid for. `drops_image`: unless the cancel said that
    the image is not wanted.

    `finish_by` bounds the whole: a next try that could only start after it would be waited for in
    vain, so the job expires at once. A call that came back late counts all the same.
    """
    error = error_of(failure)
    dropped = canceled and drops_image and decision.state is State.SUCCEEDED
    if decision.state is State.IN_DOUBT or (
        decision.state is State.SUCCEEDED and leaving is State.IN_DOUBT and not dropped
    ):
        return Settled(decision.state, None, error)
    if canceled:
        return Settled(State.CANCELED, None, error, keeps_images=not dropped)
    if finish_by is not None and decision.run_at is not None and decision.run_at >= finish_by:
        said = f"; the last one failed: {failure.message}" if failure else ""
        message = f"its finish_by comes before it could be tried again{said}"
        return Settled(State.EXPIRED, None, expired(message))
    return Settled(decision.state, decision.run_at, error)


def not_again(becomes: Settled) -> Settled:
    """The job fails with what its last call failed for: its batch has no money for another one."""
    error = becomes.error or {}
    said = (
        f"{error.get('message', '')}; it is not sent again, for its batch's budget covers no other"
    )
    return Settled(State.FAILED, None, {**error, "message": f"{said} call".lstrip("; ")})


def error_of(failure: Failure | None) -> dict[str, Any] | None:
    """A failure as the job's owner reads it; None for none."""
    if failure is None:
        return None
    return {
        "kind": failure.kind,
        "message": failure.message,
        "advice": ADVICE[failure.kind],
        "reaction": failure.reaction,
        "status": failure.status,
    }


def expired(message: str) -> dict[str, Any]:
    """The error of a job that missed a bound of its own."""
    return {"kind": "expired", "message": message}
