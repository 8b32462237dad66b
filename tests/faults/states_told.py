"""What SQL says of jobs and attempts: I1 and I4."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from jobs.states import FINAL, State
from tests.faults.evidence import Attempt, Evidence, Job

_NUMBER = 5
"""Where an attempt's number stands in the name of its image: after the five parts of a job's id."""


def promises(evidence: Evidence) -> Iterator[str]:
    """I1: every job that was promised is there and final, or in doubt with a reason."""
    for job_id in evidence.promised:
        job = evidence.jobs.get(job_id)
        if job is None:
            yield f"job {job_id} was promised and is gone"
        elif job.state is State.IN_DOUBT:
            if not (job.error or {}).get("message"):
                yield f"job {job_id} is in doubt without a reason"
        elif job.state not in FINAL:
            yield f"job {job_id} was promised and is {job.state} at rest"


def batches(evidence: Evidence) -> Iterator[str]:
    """The counts of a batch are those of its jobs."""
    for one in evidence.batch_drift:
        yield f"batch {one.batch_id} says {one.kept}, its jobs say {one.counted}"


def moves(evidence: Evidence) -> Iterator[str]:
    """I4: a job's state is what its latest attempt came to, and never an earlier one."""
    latest: dict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in evidence.attempts:
        latest[attempt.job_id].append(attempt)
    for job in evidence.jobs.values():
        yield from _moves(job, latest.get(job.id, []), evidence)


def _moves(job: Job, its: Sequence[Attempt], evidence: Evidence) -> Iterator[str]:
    last = max(its, key=lambda one: one.number, default=None)
    if (last.number if last else 0) != job.number:
        yield f"job {job.id} is at number {job.number}; its attempts end with {last}"
        return
    for one in its:
        if one is not last and not one.is_finished:
            yield f"{one}: never recorded, though the job went on to {job.number}"
    numbers = {
        int(output.artifact.rpartition("/")[2].split("-")[_NUMBER])
        for output in evidence.outputs
        if output.job_id == job.id
    }
    if job.data_removed:
        return
    if job.state is State.SUCCEEDED and not numbers:
        yield f"job {job.id} succeeded and has no image"
    if numbers - {job.number}:
        yield f"job {job.id} has images of attempt {sorted(numbers)}, its latest is {job.number}"
    if last is not None:
        yield from _disagreement(job, last, has_images=bool(numbers))


def _disagreement(job: Job, last: Attempt, *, has_images: bool) -> Iterator[str]:
    succeeded = last.outcome == State.SUCCEEDED and last.is_finished
    ends: Mapping[State, bool] = {
        State.SUCCEEDED: succeeded,
        State.FAILED: last.is_finished and not succeeded,
        State.IN_DOUBT: last.is_in_doubt,
        State.RUNNING: last.is_open,
        # The call may have been let finish, or there was none to wait for.
        State.CANCELED: last.is_finished and succeeded is has_images,
    }
    # Of a job that waits, or has waited too long, the last call failed or never left.
    if not ends.get(job.state, last.is_finished and not succeeded):
        how = "open" if not last.is_finished else f"recorded as {last.outcome}"
        yield f"{last}: it is {how}, and the job is {job.state}"
