"""What the machine does to a system: its clock jumps, its disk is full, twins of its clocks run (23)."""

import os
import resource
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.beside import beside
from tests.faults.checker import assert_promises_kept
from tests.faults.conftest import Behind
from tests.faults.durations import FAST, SHORT
from tests.systems.jobs_at_work import states, submit, wait_for_states
from tests.systems.processes import project_environment, wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
_CLOCK = Path(__file__).parent / "clock"
_HOUR = 3_600


class _Clock:
    """Of every process that is started with `environment`: the machine's, and some seconds more."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        assert compiler, "this test needs a C compiler: apt-get install gcc libc6-dev"
        self._library = folder / "clock.so"
        build = ("-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", self._library)
        subprocess.run([compiler, *build, _CLOCK / "ahead.c"], check=True)
        self._file = folder / "seconds"
        self.set(0)

    def set(self, ahead: int) -> None:
        # In place: the processes have mapped the file, and an empty one would end them.
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(struct.pack("=q", ahead))

    @property
    def environment(self) -> dict[str, str]:
        path = project_environment()["PYTHONPATH"]
        return {
            "PYTHONPATH": f"{_CLOCK}{os.pathsep}{path}",
            "SEGQ_TEST_CLOCK_LIBRARY": str(self._library),
            "SEGQ_TEST_CLOCK": str(self._file),
        }


@pytest.mark.parametrize("hours", [1, -1], ids=["+1h", "-1h"])
def test_the_clock_jumps_an_hour_while_calls_are_in_flight(
    hours: int, system: Start, tmp_path: Path
) -> None:
    """The clock of every process of ours; Redis, and a database elsewhere, keep theirs."""
    clock = _Clock(tmp_path)
    one = system(
        **{**SHORT, "SEGMIND_TIMEOUT": "10"},
        **clock.environment,
        # An S3 server refuses who is an hour off (SigV4), rightly: its images wait for the clock.
        SEGQ_ARTIFACTS=str(tmp_path / "artifacts"),
    )
    one.settings(latency={"median": 2.5, "sigma": 0})
    ids = submit(one, 14)
    wait_for_states(one, running=4)
    clock.set(hours * _HOUR)
    # What waits for a time needs upkeep, which needs beat.
    ids += submit(one, 2, run_at="2100-01-01T00:00:00Z")
    one.sql("UPDATE jobs SET run_at = created_at WHERE run_at > '2099-01-01'")
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 16}
    assert report.calls == 16
    dates = [str(row["at"]) for row in one.sql("SELECT created_at AS at FROM jobs ORDER BY id")]
    if one.run["database"].startswith("sqlite"):
        jump = abs(_read(dates[-1]) - datetime.now(UTC))
        assert timedelta(minutes=50) < jump < timedelta(minutes=70), "the clock did not jump"


def _read(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@ON_ITS_OWN_PARTS
def test_two_sweepers_and_two_beats_do_what_one_does(system: Start) -> None:
    one = system(**{**SHORT, "SEGQ_WORKERS": "2", "SEGQ_SLOTS": "4"})
    one.settings(latency={"median": 1.0, "sigma": 0.2})
    with ExitStack() as seconds:
        for service in ("upkeep", "beat"):
            seconds.enter_context(beside(one, service, like=service))
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        ids = submit(one, 20) + submit(one, 10, run_at=soon)
        wait_for_states(one, running=6)
        killed = one.pid("worker-1")
        os.kill(killed, 9)
        report = assert_promises_kept(one, ids)
    assert set(report.states) <= {"succeeded", "in_doubt"}
    # Those alone that were claimed and had not been sent: nobody knows that for ten minutes.
    assert report.calls == report.states["succeeded"] >= 26
    doubts = one.sql("SELECT count(*) AS n FROM attempts WHERE in_doubt_at IS NOT NULL")
    assert doubts[0]["n"] > 0


@contextmanager
def _files_no_larger(pid: int, size: int) -> Iterator[None]:
    """As a disk without room: a process cannot write past so many bytes of any file (EFBIG)."""
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)


@ON_ITS_OWN_PARTS
def test_the_disk_is_full_for_a_while(behind: Callable[..., Behind]) -> None:
    """Images that were paid for are kept once there is room."""
    one = behind(**{**SHORT, "SEGQ_LEASE_GRACE": "30"}).system
    one.settings(latency=FAST)
    ids = submit(one, 2)
    wait_for_states(one, succeeded=2)
    # Room for the log, and for no image.
    room = one.sql("SELECT min(bytes) AS least FROM outputs")[0]["least"] // 2
    assert len(one.log("worker-1")) < room
    with _files_no_larger(one.pid("worker-1"), room):
        ids += submit(one, 6)
        wait_until(lambda: bool(one.events("worker-1", "keep_delayed")), "an image finds no room")
        assert states(one)["succeeded"] == 2
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 8}
    assert report.calls == 8
    # By whoever had them, not from the history.
    assert one.sql("SELECT count(*) AS n FROM attempts WHERE in_doubt_at IS NOT NULL") == [{"n": 0}]
