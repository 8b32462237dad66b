"""Waiting for one job, with a line for each thing that changes meanwhile."""

import time

from cli.complaint import ComplaintError
from cli.server import Server
from cli.terminal import say
from cli.wording import note_of, place_of, state_of
from segq_client import Client, Job, StillWaitingError

# Seconds between two lines about its place in the queue.
_PLACE_EVERY = 30.0


def watch(client: Client, job: Job, seconds: float, cancel: str) -> Job:
    """Return the job once it is settled, after at most `seconds` and one look more.

    Raises `ComplaintError` when the time is up, and the client's error when the job could not be
    read then.
    `cancel` is the command that a person who does not wait to the end may want.
    """
    said = _Said()
    said.tell(job)
    try:
        for changed in client.stream(job.id, seconds):
            said.tell(changed)
            job = changed
    except StillWaitingError as error:
        raise ComplaintError(
            f"job {job.id} is {state_of(error.job)} after {seconds:g} s and goes on (and may be "
            f"paid); to cancel it: {cancel}"
        ) from error
    except KeyboardInterrupt:
        say(f"job {job.id} goes on (and may be paid); to cancel it: {cancel}")
        raise
    return job


def cancel_command(server: Server, job: Job) -> str:
    """A shell line that cancels the job. It reads the key where it is and does not show it."""
    key = f"$({server.key_command})"
    url = f"{server.gateway}/api/v1/jobs/{job.id}/cancel"
    return f'curl -X POST -H "Authorization: Bearer {key}" {url}'


class _Said:
    """What was said of one job, so that nothing is said twice."""

    def __init__(self) -> None:
        self._state = ""
        self._notes = {""}
        self._place_at = 0.0

    def tell(self, job: Job) -> None:
        if job.is_settled:
            return
        state, note = state_of(job), note_of(job)
        if state != self._state or note not in self._notes:
            say(f"job {job.id} is {state}" + ("" if note in self._notes else f": {note}"))
        self._state = state
        self._notes.add(note)
        place = place_of(job)
        if place and time.monotonic() >= self._place_at:
            say(f"job {job.id} waits: {place}")
            self._place_at = time.monotonic() + _PLACE_EVERY
