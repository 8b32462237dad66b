"""How a job's place, state and end are put into words."""

from datetime import datetime

from segq_client import Job

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


def suffix_for(content_type: str) -> str:
    """A file name's ending for an image type."""
    return _SUFFIXES.get(content_type.partition(";")[0].strip().lower(), ".bin")


def ending_of(job: Job) -> str:
    """What became of a job that has no image to show."""
    if job.state == "in_doubt":
        return "is in doubt: the call may or may not have been paid; segq looks for it, see `segq doubts`"
    why = f": {job.error.message} ({job.error.kind})" if job.error else ""
    return f"{job.state}{why}"


def note_of(job: Job) -> str:
    """What the gateway says in words about a job that is not done (why it waits); often nothing."""
    note = job.raw.get("note")
    return note if isinstance(note, str) and not job.is_settled else ""


def state_of(job: Job) -> str:
    """A state with what it waits for, for one column of a table."""
    return f"{job.state} ({job.waiting_for})" if job.waiting_for else job.state


def place_of(job: Job) -> str:
    """Where it stands among all that waits, and when it starts; nothing where it is next."""
    if job.estimated_start is None or job.position == 1:
        return ""
    when = f"it starts at about {clock_of(job.estimated_start)}"
    return when if job.position is None else f"{job.position - 1:,} calls go before it; {when}"


def clock_of(moment: str) -> str:
    """A moment of the API as a clock here shows it, with the day where it is another one."""
    here = datetime.fromisoformat(moment).astimezone()
    today = here.date() == datetime.now().astimezone().date()
    return here.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")
