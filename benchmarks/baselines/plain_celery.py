"""A plain Celery task on threads: POST with requests, write the file, one durable UPDATE.

No limiter, no claim, no fence, no receipt, no check of the image: what it leaves out is what segq
is measured against. All that is not said here is as Celery comes.
"""

import os
import threading
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import requests
from celery import Celery, signals
from sqlalchemy.pool import QueuePool

QUEUE = "plain"

app = Celery("plain", broker=os.environ.get("PLAIN_REDIS_URL", ""))
app.conf.task_default_queue = QUEUE

_folder = Path(os.environ.get("PLAIN_FOLDER", ""))
_ready = os.environ.get("PLAIN_READY_FILE")
_database = os.environ.get("PLAIN_DATABASE_URL", "")
# The calls wait upstream, not in SQL, as segq's do: the same number of connections.
_connect: Any = partial(psycopg.connect, _database)
_connections = QueuePool(_connect, pool_size=10, max_overflow=20)
_here = threading.local()


@app.task(name="plain.generate")
def generate(job: int, url: str, key: str, body: dict[str, object]) -> None:
    """One job: its image as a file, its row `succeeded`."""
    answer = _session().post(url, json=body, headers={"x-api-key": key}, timeout=120)
    answer.raise_for_status()
    path = _folder / f"{job}.jpg"
    path.write_bytes(answer.content)
    connection = _connections.connect()
    try:
        connection.cursor().execute(
            "UPDATE plain_jobs SET state = 'succeeded', artifact = %s, finished_at = "
            "clock_timestamp() WHERE id = %s",
            (str(path), job),
        )
        connection.commit()
    finally:
        connection.close()


def _session() -> requests.Session:
    if not hasattr(_here, "session"):
        _here.session = requests.Session()
    session: requests.Session = _here.session
    return session


@signals.worker_ready.connect
def _ready_now(**_: Any) -> None:
    if _ready:
        Path(_ready).touch()
