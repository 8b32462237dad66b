"""Asks the processes of a system to die, or to halt, at points of their own (db/crash_points.py)."""

from dataclasses import dataclass
from pathlib import Path

from db.crash_points import CrashPoint
from tests.systems.processes import wait_until


@dataclass(frozen=True)
class Crashes:
    folder: Path

    def environment(self, *points: CrashPoint) -> dict[str, str]:
        """What the system is started with, so that its processes may die at these points."""
        return {"SEGQ_CRASH_AT": ",".join(points), "SEGQ_CRASH_TOKENS": str(self.folder)}

    def ask(self, point: CrashPoint, *, halt: bool = False) -> None:
        """The next process that comes there dies, or halts until it gets SIGCONT."""
        (self.folder / (f"{point}.stop" if halt else point)).touch()

    def wait(self, timeout: float = 30) -> None:
        """Until all that was asked for has happened."""
        wait_until(lambda: not list(self.folder.iterdir()), self._left(), timeout=timeout)

    def _left(self) -> str:
        return "every death that was asked for"
