"""Sleeping until a signal comes, a child ends or a time has passed, without missing one."""

import contextlib
import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wakeups:
    """The supervisor's signals, while it is entered. Main thread only, but for `ask_to_stop`.

    Signals arrive as bytes in a pipe that `wait` reads: one that comes between a look at the
    children and the sleep still ends the sleep.
    """

    def __init__(self) -> None:
        self.stop_asked = False
        self.hurry = False
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)

    def __enter__(self) -> Self:
        self._old_descriptor = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._old_handlers = {one: signal.signal(one, self._on_stop) for one in _STOPPING}
        # Without a handler of Python's, SIGCHLD would not write to the pipe.
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _on_child)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, handler in self._old_handlers.items():
            signal.signal(one, handler)
        signal.set_wakeup_fd(self._old_descriptor)
        # The pipe stays open: another thread may still call `ask_to_stop`.

    def ask_to_stop(self) -> None:
        """What Ctrl-C does; from any thread, any number of times."""
        self.stop_asked = True
        with contextlib.suppress(BlockingIOError):  # full: the sleeper is awake already
            os.write(self._write, b"\0")

    def wait(self, seconds: float | None) -> None:
        """Sleep until something happens, at most `seconds` (None: for ever)."""
        if select.select([self._read], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 4096)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        # A second SIGTERM (two `segq down`) is no hurry; a second Ctrl-C is a person who waits.
        if self.stop_asked and number == signal.SIGINT:
            self.hurry = True
        self.stop_asked = True


def _on_child(_number: int, _frame: FrameType | None) -> None:
    """Only here so that the signal is delivered."""
