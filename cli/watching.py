"""Waiting for one job, with a line for each thing that changes meanwhile."""

import time

from cli.complaint import ComplaintError
from cli.server import Server
from cli.terminal import say
from cli.wording import note_of, place_of, state_of
from segq_client import Client, Job, SegqError

# Seconds, whole: how long the gateway may hold one read, and so how late a change is told.
_LOOK_EVERY = 1
# Seconds between two lines about its place in the queue.
_PLACE_EVERY = 30.0


def watch(client: Client, job: Job, seconds: float, cancel: str) -> Job:
    """Return the job once it is settled, after at most `seconds` and one look more.

    Raises `ComplaintError` when the time is up, and the client's error when the job could not be
    read then.
    `cancel` is the command that a person who does not wait to the end may want.
    """
    ends_at = time.monotonic() + seconds
    try:
        return _watch(client, job, ends_at)
    except TimeoutError as error:
        raise ComplaintError(
            f"job {job.id} is {error} after {seconds:g} s and goes on (and may be paid); "
            f"to cancel it: {cancel}"
        ) from error
    except KeyboardInterrupt:
        say(f"job {job.id} goes on (and may be paid); to cancel it: {cancel}")
        raise


def cancel_command(server: Server, job: Job) -> str:
    """A shell line that cancels the job. It reads the key where it is and does not show it."""
    key = f"$({server.key_command})"
    url = f"{server.gateway}/api/v1/jobs/{job.id}/cancel"
    return f'curl -X POST -H "Authorization: Bearer {key}" {url}'


def _watch(client: Client, job: Job, ends_at: float) -> Job:
    """Raises `TimeoutError` with the state that the job is in."""
    shown, told = "", {""}
    place_at = 0.0
    while not job.is_settled:
        state, note = state_of(job), note_of(job)
        if state != shown or note not in told:
            say(f"job {job.id} is {state}" + ("" if note in told else f": {note}"))
        shown = state
        told.add(note)
        place = place_of(job)
        if place and time.monotonic() >= place_at:
            say(f"job {job.id} waits: {place}")
            place_at = time.monotonic() + _PLACE_EVERY
        left = ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError(state)
        try:
            job = client.get(job.id, wait=_LOOK_EVERY)
        except SegqError as error:  # the gateway is being started again, or its database is
            if error.repeat_after is None or left <= error.repeat_after:
                raise
            time.sleep(error.repeat_after)
    return job
