"""Runs the plain Celery task: its table, its messages, its worker processes."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psycopg
from celery import Celery

from benchmarks.baselines.plain_celery import QUEUE
from benchmarks.queued_jobs import INPUT, MODEL
from benchmarks.servers.group import Group
from benchmarks.servers.processes import Process, plain_environment, wait_for_file

_BATCH = 500
_TABLE = """
CREATE TABLE plain_jobs (
  id integer PRIMARY KEY, state text NOT NULL, artifact text, finished_at timestamptz
)
"""


def prepare(database_url: str, count: int) -> None:
    """Its table with so many jobs, in an empty database."""
    with psycopg.connect(database_url) as connection:
        connection.execute(_TABLE)
        connection.execute(
            "INSERT INTO plain_jobs SELECT n, 'queued' FROM generate_series(1, %s) AS n", (count,)
        )


class Sender:
    """Puts its tasks on the queue. A `with` block, which closes its connection."""

    def __init__(self, redis_url: str, upstream_url: str, task: str = "plain.generate") -> None:
        self._task = task
        self._app = Celery("plain-sender", broker=redis_url, set_as_current=False)
        self._url = f"{upstream_url}/v1/{MODEL}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._app.close()

    def send(self, job: int, seed: int) -> None:
        """One, as an application would."""
        self._app.send_task(self._task, self._arguments(job, seed), queue=QUEUE)

    def send_many(self, count: int) -> None:
        """Tasks 1 to `count`, as fast as public calls of Celery and kombu put them there."""
        with self._app.connection_for_write() as connection:
            # Any: the published types of kombu know no batches.
            producer: Any = self._app.amqp.Producer(connection, auto_declare=False)
            with producer.batch(_BATCH):
                for job in range(1, count + 1):
                    arguments = self._arguments(job, job)
                    message = self._app.amqp.as_task_v2(str(uuid4()), self._task, arguments)
                    self._app.amqp.send_task_message(
                        producer, self._task, message, queue=QUEUE, declare=[]
                    )

    def _arguments(self, job: int, seed: int) -> tuple[object, ...]:
        return (job, self._url, "SG_0123456789abcdef", {**INPUT, "seed": seed})


def unfinished(database_url: str) -> int:
    return int(_one(database_url, "SELECT count(*) FROM plain_jobs WHERE state = 'queued'"))


def last_finished(database_url: str) -> float:
    """When the last of its jobs was done, in seconds."""
    return float(_one(database_url, "SELECT extract(epoch FROM max(finished_at)) FROM plain_jobs"))


def _one(database_url: str, query: str) -> Any:
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else 0


@contextmanager
def running_workers(
    folder: Path,
    count: int,
    slots: int,
    *,
    redis_url: str,
    database_url: str,
    words: Sequence[str] = (),
    module: str = "plain_celery",
    rate: str = "",
) -> Iterator[list[Process]]:
    """So many worker processes with so many threads each, all at work; `words` are Celery's.

    `module` has the tasks; `rate` is what `limited_celery` is told of the limit.
    """
    images = folder / "plain"
    images.mkdir(exist_ok=True)
    command = [
        *(sys.executable, "-P", "-m", "celery", "-q", "-A", f"benchmarks.baselines.{module}"),
        *("worker", "-P", "threads", "-c", str(slots), "-Q", QUEUE, "-l", "WARNING", *words),
    ]
    with Group() as group:
        for n in range(count):
            name = f"plain-{n}"
            environment = plain_environment(
                PLAIN_REDIS_URL=redis_url,
                PLAIN_DATABASE_URL=database_url,
                PLAIN_FOLDER=str(images),
                PLAIN_READY_FILE=str(folder / f"{name}.ready"),
                PLAIN_RATE=rate,
            )
            log = folder / f"{name}.log"
            group.start(name, [*command, "-n", f"{name}@%h"], log, environment=environment)
        for process in group.processes:
            wait_for_file(folder / f"{process.name}.ready", process)
        yield group.processes
