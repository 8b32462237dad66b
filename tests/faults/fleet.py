"""Workers beside a system's own that are killed again and again, and started anew at once.

The supervisor waits longer before each start of a process that keeps dying; here it is to die often.
"""

import random
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cli.services import SERVICES
from tests.faults.beside import environment_of
from tests.systems.running_system import System

_PATIENCE = 15.0
"""Seconds in which a worker serves, if what it needs is there; with SQL away none does."""


@dataclass(frozen=True)
class _Worker:
    popen: "subprocess.Popen[bytes]"
    ready: Path

    def wait_until_it_serves(self) -> None:
        ends = time.monotonic() + _PATIENCE
        while not self.ready.exists() and time.monotonic() < ends:
            time.sleep(0.05)


class Fleet:
    """So many workers with the settings of the system's own."""

    def __init__(self, system: System, count: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._environment = environment_of(system.pid("worker-1"))
        self._system = system
        self._log = (system.folder / "fleet.log").open("ab")
        self._started = 0
        self._workers = [self._start() for _ in range(count)]

    def kill(self, times: int, every: float) -> None:
        """Kill so many, each time the oldest, about so many seconds after it could take jobs."""
        for _ in range(times):
            oldest = self._workers.pop(0)
            oldest.wait_until_it_serves()
            time.sleep(self._random.uniform(0.5, 1.5) * every)
            oldest.popen.kill()
            oldest.popen.wait()
            self._workers.append(self._start())

    def end(self) -> None:
        """An orderly end of those that live; whatever else, none is left."""
        for worker in self._workers:
            worker.popen.terminate()
        for worker in self._workers:
            with suppress(subprocess.TimeoutExpired):
                worker.popen.wait(60)
            worker.popen.kill()
            worker.popen.wait()
        self._log.close()

    def _start(self) -> _Worker:
        self._started += 1
        ready = self._system.folder / f"fleet-{self._started}"
        popen = subprocess.Popen(
            SERVICES["worker"].argv,
            env={**self._environment, "SEGQ_READY_FILE": str(ready)},
            cwd=self._system.home,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        return _Worker(popen, ready)
