"""A process's pulse, in a process of its own: what it shows, and when it ends the process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.sandbox_process import KEY, ROOT, SandboxProcess
from tests.systems.processes import wait_until
from worker.parts import Parts
from worker.settings import Settings

_PULSE = """
import sys, time
from pathlib import Path
from worker.parts import parts
from worker.progress import Progress
from worker.vitals import Vitals

def work_waits():
    if sys.argv[2] == "breaks":
        raise ValueError("work_waits breaks")
    return sys.argv[2] == "waits"

progress = Progress()
if len(sys.argv) > 3:
    progress._taken()  # as many hands are busy as there are
Vitals(
    parts(), progress, queue="q", threads=1, ready_file=Path(sys.argv[1]), work_waits=work_waits,
    tell=lambda: None,
).start()
time.sleep(60)
"""
Pulse = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """As a process of before has left it."""
    mark = tmp_path / "ready"
    mark.touch()
    return mark


@pytest.fixture
def environment(
    parts: Parts, settings: Settings, sandbox: SandboxProcess, tmp_path: Path
) -> dict[str, str]:
    """Of a worker that looks every quarter of a second."""
    assert parts.pool == settings.pool  # whose database has its tables
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}",
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SEGQ_ARTIFACTS": str(settings.artifacts),
        "SEGMIND_API_KEY": KEY,
        "SEGMIND_BASE_URL": sandbox.url,
        "SEGQ_STALL_SECONDS": "1",
        "SEGQ_READY_FILE": str(tmp_path / "ready"),
    }


@pytest.fixture
def pulse(environment: dict[str, str], ready: Path) -> Iterator[Pulse]:
    started: list[subprocess.Popen[bytes]] = []

    def one(*words: str, **changes: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _PULSE, str(ready), *words]
        started.append(subprocess.Popen(command, cwd=ROOT, env={**environment, **changes}))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.wait()


def test_one_that_takes_nothing_though_work_waits_ends(
    pulse: Pulse, parts: Parts, ready: Path
) -> None:
    parts.redis.lpush("q", "a ticket")
    process = pulse("waits")
    assert process.wait(timeout=30) == -signal.SIGTERM
    assert not ready.exists()


@pytest.mark.parametrize(
    ("words", "ticket"), [(["waits"], False), (["nothing waits"], True), (["waits", "busy"], True)]
)
def test_an_empty_queue_no_work_and_busy_hands_are_no_stall(
    pulse: Pulse, parts: Parts, ready: Path, words: list[str], ticket: bool
) -> None:
    ready.unlink()
    if ticket:
        parts.redis.lpush("q", "a ticket")
    process = pulse(*words)
    wait_until(ready.exists, "it is ready")
    time.sleep(2)
    assert process.poll() is None
    assert ready.exists()


def test_one_without_redis_is_not_ready_and_goes_on(pulse: Pulse, ready: Path) -> None:
    process = pulse("waits", REDIS_URL="redis://127.0.0.1:9/0")
    wait_until(lambda: not ready.exists(), "it is not ready")
    time.sleep(2)
    assert process.poll() is None


def test_one_that_cannot_tell_does_not_say_that_it_is_ready(
    pulse: Pulse, parts: Parts, ready: Path
) -> None:
    parts.redis.lpush("q", "a ticket")
    process = pulse("breaks")
    wait_until(lambda: not ready.exists(), "it is not ready")
    assert process.poll() is None


def test_a_worker_that_has_not_begun_to_serve_is_not_ready(
    environment: dict[str, str], ready: Path
) -> None:
    """Whatever the one before it has left."""
    away = {**environment, "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "generate"], cwd=ROOT, env=away, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: not ready.exists(), "it is not ready")
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
