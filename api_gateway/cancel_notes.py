"""What a cancel means for a job, and for the money, in words."""

from db.rows import Job
from jobs import money
from jobs.states import State

_RUNNING = (
    "Cancel was asked for while the job's call to Segmind was under way. A call that has left "
    "cannot be taken back: it is let finish and what it costs is booked; then the job is canceled "
    "and its image is {image}."
)
_IN_DOUBT = (
    "Cancel was asked for while it is not known whether the job's call to Segmind ran: it may have "
    "been paid. If it turns out to have run, its image is {image} and its cost booked; if not, it is "
    "not sent again."
)
_RAN = (
    "Cancel was asked for, but its call to Segmind had run: its image is kept, and the {cost} USD "
    "that the job cost is booked."
)
_UNSENT = "Canceled before anything was sent to Segmind: it cost nothing."
_PAID_FOR = (
    "Cancel was asked for while its call to Segmind was under way. The call was let finish: its "
    "image is {image}, and the {cost} USD that the job cost is booked."
)
_CALLED_BEFORE = (
    "Canceled: nothing more is sent to Segmind. The {cost} USD of its earlier calls stays booked."
)
_CALLED_FREE = "Canceled: nothing more is sent to Segmind. Its earlier calls cost nothing."
_KEPT, _DROPPED = "kept", "not kept, as was wished"


def cancel_note(job: Job) -> str | None:
    """What became, or will become, of a cancel that was asked for; None when none was.

    `job.outputs` must be there for a job that is canceled.
    """
    if job.cancel_requested_at is None:
        return None
    image = _DROPPED if job.cancel_drops else _KEPT
    match job.state:
        case State.RUNNING:
            return _RUNNING.format(image=image)
        case State.IN_DOUBT:
            return _IN_DOUBT.format(image=image)
        case State.SUCCEEDED:
            return _RAN.format(cost=money.text(job.cost))
        # Dropped at the end of a call that brought it: one that failed has left its error.
        case State.CANCELED if job.outputs or (job.cancel_drops and job.error is None):
            return _PAID_FOR.format(cost=money.text(job.cost), image=image)
        case State.CANCELED if job.number == 0:
            return _UNSENT
        case State.CANCELED if job.cost:
            return _CALLED_BEFORE.format(cost=money.text(job.cost))
        case State.CANCELED:
            return _CALLED_FREE
        case _:
            return None
