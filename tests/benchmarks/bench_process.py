"""A benchmark as a person starts it, with a temporary folder of its own that tells what it left."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import report
from benchmarks.report import Report

ROOT = Path(__file__).parents[2]


@dataclass
class Bench:
    """`temporary` is the only place where it puts anything but its result."""

    temporary: Path
    result: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            # What a user has exported must neither be used nor reach a process.
            "SEGMIND_API_KEY": "SG_of_the_user",
            "DATABASE_URL": "sqlite:////nowhere/of-the-user.db",
        }
        popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmarks", *words],
            cwd=self.temporary,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # As a shell starts it: a group of its own, to which a terminal's Ctrl-C goes.
            process_group=0,
        )
        self.started.append(popen)
        return popen

    def run(self, name: str, *words: str) -> Report:
        popen = self.start(name, "--runs", "1", "--json", str(self.result), *words)
        said = popen.communicate(timeout=240)[0]
        assert popen.returncode == 0, said
        assert str(self.result) in said
        return report.read(self.result)

    def left(self) -> list[str]:
        """Processes that it started and files below its folder, by what names them."""
        found = [str(path) for path in self.temporary.iterdir()]
        for pid in self.processes():
            with suppress(OSError):  # it has just ended
                found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        return found

    def processes(self) -> list[int]:
        """The ids of all that have its folder in their environment: it, and whom it started."""
        mark = f"TMPDIR={self.temporary}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it is another user's, or has just ended
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
        return found


@contextmanager
def a_bench(folder: Path) -> Iterator[Bench]:
    # PostgreSQL runs as `nobody` when the tests run as root, and pytest's folders are closed to it.
    temporary = Path(tempfile.mkdtemp(prefix="segq-test-bench-"))
    temporary.chmod(0o755)
    bench = Bench(temporary, folder / "result.json")
    try:
        yield bench
    finally:
        for popen in bench.started:
            _end(popen)
        for process in bench.processes():
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(temporary, ignore_errors=True)


def _end(popen: subprocess.Popen[str]) -> None:
    # Asked first: killed, it could not end what it has started.
    popen.terminate()
    try:
        popen.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.communicate()
