"""Workers beside a system's own that are killed again and again, and started anew at once.

The supervisor waits longer before each start of a process that keeps dying; here it is to die often.
"""

import random
import subprocess
import time

from cli.services import SERVICES
from tests.faults.beside import environment_of
from tests.systems.running_system import System


class Fleet:
    """So many workers with the settings of the system's own."""

    def __init__(self, system: System, count: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._environment = environment_of(system.pid("worker-1"))
        self._environment.pop("SEGQ_READY_FILE", None)
        self._cwd = system.home
        self._log = (system.folder / "fleet.log").open("ab")
        self._workers = [self._start() for _ in range(count)]

    def kill_one(self) -> None:
        """SIGKILL for the oldest, which has had time to take jobs; another takes its place."""
        oldest = self._workers.pop(0)
        oldest.kill()
        oldest.wait()
        self._workers.append(self._start())

    def kill(self, times: int, every: float) -> None:
        """Kill so many, one after the other, with pauses of about so many seconds."""
        for _ in range(times):
            time.sleep(self._random.uniform(0.5, 1.5) * every)
            self.kill_one()

    def end(self) -> None:
        """An orderly end of those that live."""
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.wait(60)
        self._log.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            SERVICES["worker"].argv,
            env=self._environment,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
