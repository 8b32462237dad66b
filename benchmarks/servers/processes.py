"""Processes that are gone when their `with` block is left, however it is left."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.complaint import ComplaintError

_PATIENCE = 20.0
_START_SECONDS = 60.0
_TAIL = 2_000


class Process:
    """A child with its output in a file; `ends_on` is the signal that asks it to end."""

    def __init__(
        self, name: str, popen: subprocess.Popen[bytes], log: Path, ends_on: signal.Signals
    ) -> None:
        self.name = name
        self.log = log
        self._popen = popen
        self._ends_on = ends_on
        self._asked = False

    @property
    def pid(self) -> int:
        return self._popen.pid

    def check(self) -> None:
        """Raises `ComplaintError` with the end of its log when it has ended."""
        code = self._popen.poll()
        if code is not None:
            raise ComplaintError(
                f"{self.name} ended by itself (exit code {code}):\n{self.last_words()}"
            )

    def ask_to_end(self, *, at_once: bool = False) -> None:
        """Asks once: a second signal means something else to some. `at_once`: it is killed."""
        if self._popen.poll() is None and (at_once or not self._asked):
            self._popen.send_signal(signal.SIGKILL if at_once else self._ends_on)
        self._asked = True

    def end(self) -> None:
        """Return when it is gone; it is killed after 20 s, and by a second Ctrl-C."""
        self.ask_to_end()
        try:
            self._popen.wait(_PATIENCE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            self._popen.kill()
            self._popen.wait()
            if isinstance(error, KeyboardInterrupt):
                raise

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-_TAIL:].strip()

    def wait_for_success(self) -> None:
        """For a program that does one thing: raises `ComplaintError` when it could not."""
        if self._popen.wait() != 0:
            self.check()


@contextmanager
def running(
    name: str,
    argv: Sequence[object],
    log: Path,
    *,
    environment: Mapping[str, str],
    ends_on: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> Iterator[Process]:
    """Start it; at the end send `ends_on`, and SIGKILL 20 s later. `options` are `Popen`'s."""
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            # A terminal's Ctrl-C is for the benchmark alone: it ends the others in its own order.
            start_new_session=True,
            **options,
        )
    process = Process(name, popen, log, ends_on)
    try:
        yield process
    finally:
        process.end()


def wait_for_file(mark: Path, process: Process) -> None:
    """Return once `process` has made this file; raises `ComplaintError` when it ends before."""
    deadline = time.monotonic() + _START_SECONDS
    while not mark.exists():
        process.check()
        if time.monotonic() > deadline:
            raise ComplaintError(f"{process.name} did not start within {_START_SECONDS:g} s")
        time.sleep(0.02)


def plain_environment(**more: str) -> dict[str, str]:
    """Built from a list, not inherited: a key that the caller exported must not be spent here."""
    kept = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR", "TZ")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **more}
