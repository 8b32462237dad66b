"""One life of one child process: its start, its log, its end."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli.process import Process
from logs.readable import entry_of, in_short

# A log this large is put aside (one older file is kept) when its process next starts.
LOG_LIMIT = 10 * 1024 * 1024
# More than the longest line: the last words may carry a traceback.
_TAIL = 64 * 1024
_PR_SET_PDEATHSIG = 1

# Loaded here, not in the child: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Child:
    """A started process, in a session of its own so that a terminal's Ctrl-C does not reach it."""

    def __init__(self, process: Process, logs: Path, cwd: Path, now: float) -> None:
        self.process = process
        self.started_at = now
        self.log = logs / f"{process.name}.log"
        _put_aside(self.log)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            # preexec_fn is right here in spite of its warnings: it only calls the prctl loaded
            # above, and a wrapper program that did the same would cost each start an interpreter.
            self._popen = subprocess.Popen(
                process.argv,
                env=dict(process.environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 (said above)
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal's number. Reaps the process."""
        return self._popen.poll()

    def end(self) -> None:
        """Ask it to end."""
        self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and whatever it started in its session's group, at once."""
        if self.exit_code() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()

    def reason(self) -> str:
        """Why it ended, in one line: exit code or signal, its last words, where the log is."""
        code = self.exit_code()
        if code is None:
            return f"{self.process.name} runs"
        ended = f"exit code {code}" if code >= 0 else f"killed by {_signal_name(-code)}"
        words = self._last_words()
        said = f", last said: {words}" if words else ""
        return f"{self.process.name} ended ({ended}{said}; log: {self.log})"

    def _last_words(self) -> str:
        """The last line of this life that is not blank; an earlier life's words would mislead."""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, end - _TAIL))
            lines = file.read().decode(errors="replace").split("\n")
        text = next((line.strip() for line in reversed(lines) if line.strip()), "")
        entry = entry_of(text)
        text = text if entry is None else in_short(entry)
        return "".join(char for char in text if char.isprintable())[:200]


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """On Linux: have the kernel send SIGTERM to the child when the supervisor dies, even by SIGKILL.

    Otherwise a killed supervisor would leave a system that nobody can stop with `segq down`.
    The kernel watches the thread that forks, so children are started from the main thread only.
    """
    if _libc is None:
        return None
    prctl = _libc.prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the line above took effect
            os._exit(1)

    return ask_kernel
