"""What a job becomes when its attempt is settled."""

from typing import Any

from jobs.failures import Failure
from jobs.retry import Decision
from jobs.states import State


def final_state(decision: Decision, *, canceled: bool) -> State:
    """The job's next state. A cancel that came while the call ran wins over all but a doubt.

    The call was let finish and what it cost is booked; a doubt stays, since money may be in it.
    """
    return State.CANCELED if canceled and decision.state is not State.IN_DOUBT else decision.state


def error_of(failure: Failure | None) -> dict[str, Any] | None:
    """A failure as the job's owner reads it; None for none."""
    if failure is None:
        return None
    return {
        "kind": failure.kind,
        "message": failure.message,
        "reaction": failure.reaction,
        "status": failure.status,
    }
