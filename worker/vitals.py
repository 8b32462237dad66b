"""A process's own pulse: extends its leases, tells whether it is ready, and ends it when it stalls.

A worker that is connected and consumes nothing looks alive to everybody but SQL, where jobs wait
and none is claimed. Whoever started it starts it anew.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer

import structlog
from redis.exceptions import RedisError

from jobs.errors import Unavailable
from worker.parts import Parts
from worker.progress import Progress
from worker.stopping import stopping

log = structlog.get_logger()

_LONGEST_BEAT = 10.0
"""Seconds between two looks at the most, however long a lease is."""
_LOOKS_BEFORE_A_STALL = 4
_MERCY = 30.0
"""Seconds beyond a call's deadline that a stalled process has for an orderly end."""


class Vitals:
    """Beats in a thread of its own, until the process is gone."""

    def __init__(
        self,
        parts: Parts,
        progress: Progress,
        *,
        queue: str,
        threads: int,
        ready_file: Path | None,
        work_waits: Callable[[], bool],
        tell: Callable[[], None],
    ) -> None:
        """`work_waits`: whether SQL has something for this process to do; `threads`: tasks that it
        has in hand at the most; `tell` lets others know that it serves.
        """
        self._parts = parts
        self._progress = progress
        self._queue = queue
        self._threads = threads
        self._ready_file = ready_file
        self._work_waits = work_waits
        self._tell = tell
        self._idle_since: float | None = None
        self._stalled = False
        self._ending = False
        patience = parts.stalls_after / _LOOKS_BEFORE_A_STALL
        self._beat = min(parts.timing.heartbeat, patience, _LONGEST_BEAT)

    def start(self) -> None:
        Thread(target=self._run, name="vitals", daemon=True).start()

    def _run(self) -> None:
        # Until the process is gone: what is in flight when it is told to stop keeps its lease.
        while True:
            time.sleep(self._beat)
            ready = self._stalled = False
            try:
                ready = self._look()
            except Exception:
                log.exception("vitals_broke")  # leases run out at the worst, and doubts follow
            self._show(ready=ready and not stopping.is_set())
            if self._stalled and not self._ending:
                self._end()

    def _look(self) -> bool:
        """Whether it can do what it is there for, as far as can be seen."""
        try:
            self._parts.runs.extend(self._parts.holder, self._parts.timing.lease)
            self._stalled = self._stalls()
            if not (self._stalled or stopping.is_set()):
                self._tell()
        except (Unavailable, RedisError):
            self._idle_since = None  # whoever cannot reach them takes no task, and rightly so
            return False
        return not self._stalled

    def _stalls(self) -> bool:
        """Tasks lie in the queue, SQL has work, hands are free: and none was taken for long."""
        waits = (
            self._progress.in_hand < self._threads
            and bool(self._parts.redis.llen(self._queue))
            and self._work_waits()
        )
        if not waits:
            self._idle_since = None
            return False
        now = time.monotonic()
        if self._idle_since is None or self._progress.taken_at > self._idle_since:
            self._idle_since = now
        return now - self._idle_since >= self._parts.stalls_after

    def _end(self) -> None:
        self._ending = True
        log.error("consumes_nothing", queue=self._queue, seconds=self._parts.stalls_after)
        os.kill(os.getpid(), signal.SIGTERM)
        # Its connection hangs: the orderly end may, too. What is in flight may end before.
        last = Timer(self._parts.timing.deadline + _MERCY, os.kill, (os.getpid(), signal.SIGKILL))
        last.daemon = True
        last.start()

    def _show(self, *, ready: bool) -> None:
        if self._ready_file is None:
            return
        with suppress(OSError):
            if ready:
                self._ready_file.touch()
            else:
                self._ready_file.unlink(missing_ok=True)
