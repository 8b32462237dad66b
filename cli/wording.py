"""How a job's end is put into words."""

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
