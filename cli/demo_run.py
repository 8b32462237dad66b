"""The demo's work, once the system is ready: submit, watch, save."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli.demo_jobs import MODEL, DemoJob
from cli.progress import Progress, Row
from cli.wording import ending_of, note_of, state_of, suffix_for
from segq_client import Client, Job, SegqError

_LOOK_EVERY = 0.3


@dataclass
class Watched:
    """A submitted job while it is watched."""

    title: str
    job: Job
    submitted_at: float
    seconds: float = 0.0
    note: str = ""

    @property
    def row(self) -> Row:
        return Row(self.title, state_of(self.job), self.seconds, self.note, note_of(self.job))


def run_demo(
    client: Client,
    jobs: list[DemoJob],
    out: Path,
    progress: Progress,
    stopped: Callable[[], bool],
    watched: list[Watched],
) -> int:
    """Run the jobs and return how many succeeded; fewer than all also when `stopped()`.

    `watched` gets each job as soon as it is submitted: another thread may count what is left.
    """
    watched.extend(_submit(client, job) for job in jobs)
    with progress.entered():
        while not stopped():
            for one in watched:
                _look(client, one, out)
            progress.show([one.row for one in watched])
            if all(one.job.is_settled for one in watched):
                break
            time.sleep(_LOOK_EVERY)
    return sum(one.job.state == "succeeded" for one in watched)


def _submit(client: Client, job: DemoJob) -> Watched:
    values = dict(job.input)
    if job.photograph is not None:
        values = {"image": client.upload(job.photograph), **values}
    return Watched(job.title, client.submit(MODEL, values), time.monotonic())


def _look(client: Client, one: Watched, out: Path) -> None:
    if one.job.is_settled:
        return
    try:
        one.job = client.get(one.job.id)
    except SegqError as error:
        if error.repeat_after is None:
            raise
        return  # the gateway is being started again, or its database: look at the next turn
    finally:
        one.seconds = time.monotonic() - one.submitted_at
    if one.job.state == "succeeded":
        output = one.job.outputs[0]
        saved = client.save(output, out / f"{one.title}{suffix_for(output.content_type)}")
        one.note = f"${one.job.cost}  {saved}"
    elif one.job.is_settled:
        one.note = ending_of(one.job)
