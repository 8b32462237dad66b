"""Processes as they are started for real: with one store they run, with two the second ends."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from cli.ports import free_port
from db.engine import Database
from db.migrate import upgrade
from tests.gateway.gateway_process import ROOT
from tests.servers.s3 import S3Server

SECONDS = 60.0


class Fleet:
    """Starts processes of one database; what it has started it ends."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self._folder = folder
        self._everyone = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SEGMIND_API_KEY": "a-key",
            "SEGMIND_BASE_URL": f"http://127.0.0.1:{free_port()}",
            "SEGQ_SLOTS": "1",
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, *words: str, **place: str) -> "Process":
        name = f"{module}-{len(self.started)}"
        ready = self._folder / f"{name}.ready"
        port = free_port()
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                env={
                    **self._everyone,
                    "SEGQ_READY_FILE": str(ready),
                    "SEGQ_PORT": str(port),
                    **place,
                },
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.started.append(process)
        return Process(process, log, ready, port)


class Process:
    def __init__(self, process: subprocess.Popen[bytes], log: Path, ready: Path, port: int) -> None:
        self._process = process
        self._log = log
        self._ready = ready
        self._port = port

    def wait_until_it_runs(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not self._ready.exists() and not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def last_line(self) -> str:
        """Of a process that refuses to run: it ends by itself with status 2."""
        status = self._process.wait(SECONDS)
        said = self._log.read_text()
        assert status == 2, said
        assert "Traceback" not in said
        return said.strip().rpartition("\n")[2]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/healthz").is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def fleet(database: Database, database_url: str, valkey: str, tmp_path: Path) -> Iterator[Fleet]:
    found = Fleet(tmp_path, database_url, valkey)
    yield found
    for process in found.started:
        if process.poll() is None:
            process.terminate()
    for process in found.started:
        process.wait(30)


Place = Callable[[str], dict[str, str]]


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return lambda name: {"SEGQ_ARTIFACTS": str(tmp_path / name)}
    server: S3Server = request.getfixturevalue("s3")
    run = uuid4()
    return lambda name: server.environment(f"{run}/{name}")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_all_processes_run_with_one_store_and_none_with_another(fleet: Fleet, place: Place) -> None:
    own, other = place("a"), place("b")
    running = [
        fleet.start("worker", "generate", **own),
        fleet.start("worker", "generate", **own),
        fleet.start("api_gateway", **own),
    ]
    for process in running:
        process.wait_until_it_runs()
    refused = [
        fleet.start("worker", "generate", **other),
        fleet.start("worker", "upkeep", **other),
        fleet.start("api_gateway", **other),
    ]
    for process in refused:
        line = process.last_line()
        assert line.startswith("SEGQ_ARTIFACTS is '")
        assert "/b" in line.partition(";")[0]
        assert "first used as" in line
        assert own["SEGQ_ARTIFACTS"] in line


def test_a_gateway_that_started_before_its_tables_is_refused_later(
    tmp_path: Path, valkey: str
) -> None:
    url = f"sqlite:///{tmp_path / 'late.db'}"
    fleet = Fleet(tmp_path, url, valkey)
    (tmp_path / "other" / "store-id").mkdir(parents=True)
    (tmp_path / "other" / "store-id" / str(uuid4())).write_bytes(b"")
    gateway = fleet.start("api_gateway", SEGQ_ARTIFACTS=str(tmp_path / "other"))
    try:
        gateway.wait_until_it_runs()
        database = Database(url)
        upgrade(database)
        database.close()
        assert "the store of no other database" in gateway.last_line()
    finally:
        for process in fleet.started:
            process.kill()
            process.wait(10)
