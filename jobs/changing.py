"""What a client may still ask of a job that is there, and why not otherwise, in words."""

from collections.abc import Collection
from types import MappingProxyType

from jobs.retention import Removed
from jobs.states import FINAL, WAITING, State

_RETRIED_FROM = frozenset({State.FAILED, State.CANCELED, State.EXPIRED, State.SCHEDULED})
_NOT_RETRIED = MappingProxyType(
    {
        State.QUEUED: "the job is queued already: it runs when its turn comes",
        State.RUNNING: "the job is running: there is nothing to retry before its call has ended",
        State.IN_DOUBT: "the job is in doubt: its call may have been paid, so it is not sent again "
        "before that is known",
        State.SUCCEEDED: "the job has succeeded: its images are there, and another run would be "
        "paid again; submit it anew for that",
    }
)
OF_DOUBTS = ("on_doubt", "doubt_deadline")
"""Members that say how a doubt ends: a job that is in doubt is when they matter."""
_NOT_RESOLVED = MappingProxyType(
    {
        State.SCHEDULED: "the job waits for its next try: nothing of it is in doubt",
        State.QUEUED: "the job is queued: nothing of it is in doubt",
        State.RUNNING: "the job is running: how its call ends is still to be known",
    }
)


def why_not_changed(state: State, members: Collection[str]) -> str | None:
    """None for a job that waits: nothing of its next attempt has left; and for members that tell
    how its doubt ends, of one in doubt.
    """
    if state in WAITING:
        return None
    if state in FINAL:
        return f"the job has already ended as {state}: only one that waits can be changed"
    if state is not State.IN_DOUBT:
        return f"the job is {state}: only one that waits (scheduled or queued) can be changed"
    if set(members) <= set(OF_DOUBTS):
        return None
    return f"the job is in_doubt: only {' and '.join(OF_DOUBTS)} of it can be changed now"


def why_not_canceled(state: State) -> str | None:
    """None also for a job that is canceled: asked again, the answer is the same."""
    if state in FINAL and state is not State.CANCELED:
        return f"the job has already ended as {state}"
    return None


def why_not_resolved(state: State) -> str | None:
    """None for a job in doubt. Nothing else is somebody's to decide."""
    if state is State.IN_DOUBT:
        return None
    if state in FINAL:
        return f"the job has already ended as {state}: nothing of it is in doubt"
    return _NOT_RESOLVED[state]


def why_not_retried(
    state: State, *, has_outputs: bool, removed: Removed = Removed.NOTHING
) -> str | None:
    """None for a job whose images are not there and whose calls are all known to have ended.

    A job that was canceled while its call ran may have outputs: they were paid for.
    """
    if removed is Removed.ALL:
        return (
            "the job's data has been removed, since its time had passed: nothing is left to run; "
            "submit it anew"
        )
    if removed is Removed.IMAGES:
        return (
            "the job has had its images, which have been removed since, and another run would be "
            "paid again; submit it anew for that"
        )
    if has_outputs and state is State.CANCELED:
        return (
            "the job was canceled while its call ran: its images are there, and another run would "
            "be paid again; submit it anew for that"
        )
    return None if state in _RETRIED_FROM else _NOT_RETRIED[state]
