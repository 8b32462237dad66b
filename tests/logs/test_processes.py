"""What the processes say of their own life: real ones, on a real Redis and a real database."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli.ports import free_port
from db.engine import Database
from db.migrate import upgrade
from tests.systems.processes import project_environment, wait_until

Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def environment(valkey: str, tmp_path: Path) -> dict[str, str]:
    url = f"sqlite:///{tmp_path / 'segq.db'}"
    database = Database(url)
    upgrade(database)
    database.close()
    return project_environment(
        REDIS_URL=valkey,
        DATABASE_URL=url,
        SEGQ_ARTIFACTS=str(tmp_path / "artifacts"),
        SEGQ_PORT=str(free_port()),
        SEGMIND_API_KEY="SG_cAnaRy-segmind-key",
        SEGMIND_BASE_URL=f"http://127.0.0.1:{free_port()}",
        FLOWER_BASIC_AUTH="segq:cAnaRy-flower",
    )


@contextmanager
def started(folder: Path, environment: dict[str, str], *words: str) -> Iterator[Log]:
    """A process until SIGTERM; gives what it has logged so far. Every line must be an entry."""
    log = folder / f"{words[-1]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *words],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def entries() -> list[dict[str, Any]]:
        whole = log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    try:
        wait_until(partial(said, entries, "started"), f"{words} started", timeout=40)
        yield entries
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def said(log: Log, event: str) -> bool:
    return any(entry["event"] == event for entry in log())


def own(log: Log) -> list[str]:
    """The events of ours, each once."""
    return list(dict.fromkeys(one["event"] for one in log() if one["event"].isidentifier()))


@pytest.mark.parametrize(
    ("words", "name", "events"),
    [
        (["api_gateway"], "gateway", ["started", "stopping", "stopped"]),
        (["worker", "generate"], "worker", ["started", "stopping", "stopped"]),
        (["worker", "flower", "--port=0"], "flower", ["started", "stopped"]),
    ],
    ids=["gateway", "worker", "flower"],
)
def test_a_process_tells_its_start_and_its_end(
    tmp_path: Path, environment: dict[str, str], words: list[str], name: str, events: list[str]
) -> None:
    with started(tmp_path, environment, *words) as log:
        (start,) = [entry for entry in log() if entry["event"] == "started"]
        if name == "flower":  # which tells it before it can be ended in order
            wait_until(lambda: any("Connected" in one["event"] for one in log()), "it connected")
    assert own(log) == events
    assert {entry["process"] for entry in log()} == {name}
    assert "cAnaRy" not in json.dumps(log())
    if name != "flower":
        assert start["settings"]["pool"] == "segmind"
        assert not {"segmind_key", "database_url", "redis_url"} & set(start["settings"])


def test_a_task_that_fails_is_told_once_each_time(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with ExitStack() as stack:
        upkeep = stack.enter_context(started(tmp_path, environment, "worker", "upkeep"))
        beat = stack.enter_context(started(tmp_path, environment, "worker", "beat"))
        with sqlite3.connect(tmp_path / "segq.db") as database:
            database.execute("DROP TABLE jobs")
        wait_until(partial(said, upkeep, "task_failed"), "a task failed")
    database.close()
    assert own(upkeep) == ["started", "task_failed", "stopping", "stopped"]
    failed = next(entry for entry in upkeep() if entry["event"] == "task_failed")
    assert failed["task"].startswith("segq.")
    assert "no such table" in failed["exception"]
    assert not [entry for entry in upkeep() if entry["logger"].startswith("celery.app.trace")]
    assert own(beat) == ["started", "stopped"]
