import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import redis

from jobs.wire import TICKET_CAP
from tests.gateway.conftest import Submit
from tests.gateway.gateway_process import Gateway

QUEUE = "generate.segmind"

WORKER = """
import os
from celery import Celery

app = Celery("w", broker=os.environ["REDIS_URL"])
app.conf.update(accept_content=["json"], task_ignore_result=True)


@app.task(name="segq.generate")
def generate(pool):
    with open(os.environ["SAW"], "a") as file:
        file.write(pool + "\\n")
"""


def length_of_queue(line: redis.Redis, wanted: int) -> int:
    """The queue's length when it is the wanted one, or after a while."""
    deadline = time.monotonic() + 5
    while (found := int(line.llen(QUEUE))) != wanted and time.monotonic() < deadline:
        time.sleep(0.005)
    return found


def test_each_accepted_job_puts_out_one_ticket(gateway: Gateway, submit: Submit) -> None:
    with redis.Redis.from_url(gateway.redis) as line:
        line.delete(QUEUE)
        for _ in range(5):
            submit()
        assert length_of_queue(line, 5) == 5
        message = json.loads(line.lindex(QUEUE, 0))
    assert message["headers"]["task"] == "segq.generate"
    assert message["content-type"] == "application/json"
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == ([], {"pool": "segmind"})


def test_a_scheduled_job_puts_out_none(gateway: Gateway, submit: Submit) -> None:
    with redis.Redis.from_url(gateway.redis) as line:
        line.delete(QUEUE)
        submit(run_at="2099-01-01T00:00:00Z")
        submit()
        assert length_of_queue(line, 1) == 1


def test_a_full_queue_gets_no_more(gateway: Gateway, submit: Submit) -> None:
    with redis.Redis.from_url(gateway.redis) as line:
        line.delete(QUEUE)
        line.rpush(QUEUE, *["x"] * (TICKET_CAP - 1))
        for _ in range(3):
            submit()
        assert length_of_queue(line, TICKET_CAP) == TICKET_CAP
        line.delete(QUEUE)
        submit()
        # The dropped ones did not wait somewhere for room.
        assert length_of_queue(line, 1) == 1


def test_a_celery_worker_takes_the_tickets(
    gateway: Gateway, submit: Submit, tmp_path: Path
) -> None:
    (tmp_path / "ticket_worker.py").write_text(WORKER)
    saw = tmp_path / "saw"
    with redis.Redis.from_url(gateway.redis) as line:
        line.delete(QUEUE)
    log = tmp_path / "log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "ticket_worker", "worker"),
                *("--pool=solo", "-Q", QUEUE, "--without-gossip", "--without-mingle"),
            ],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(tmp_path),
                "REDIS_URL": gateway.redis,
                "SAW": str(saw),
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        submit()
        submit()
        deadline = time.monotonic() + 30
        while not saw.exists() or saw.read_text() != "segmind\nsegmind\n":
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
    finally:
        worker.terminate()
        worker.wait(15)
