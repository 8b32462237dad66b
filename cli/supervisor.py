"""Starts a table of processes, keeps them alive, and ends them in order."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cli.backoff import Backoff
from cli.child import Child
from cli.complaint import ComplaintError
from cli.process import Process
from cli.stopping import stop_all
from cli.wakeups import Wakeups

START_DEADLINE = 60.0
# How often readiness is looked at during the start: well below what a person or a figure notices.
_LOOK_EVERY = 0.02


class Supervisor:
    """The children of one system. Everything here runs in the main thread (see `child`).

    `say` gets each line for the person who started it; `changed` gets {name: pid} whenever a
    restart has changed it, so that run.json never names a dead process for long.
    """

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        home: Path,
        logs: Path,
        wakeups: Wakeups,
        say: Callable[[str], None],
        changed: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._processes = processes
        self._home = home
        self._logs = logs
        self._wakeups = wakeups
        self._say = say
        self._changed = changed
        self._children: dict[str, Child] = {}
        self._series: dict[str, Backoff] = {}
        self._said: dict[str, str] = {}
        self._restart_at: dict[str, float] = {}

    def start(self, deadline: float = START_DEADLINE) -> bool:
        """Start all, in order, and return True once every one is ready; False when asked to stop.

        Raises `ComplaintError` when a child ends before it was ready, or after `deadline` seconds:
        a system that cannot start says why at once, it does not try again behind one's back.
        """
        ends_at = time.monotonic() + deadline
        waiting = list(self._processes)
        starting: list[Process] = []
        ready: set[str] = set()
        while waiting or starting:
            for process in [one for one in waiting if one.after <= ready]:
                waiting.remove(process)
                self._spawn(process)
                starting.append(process)
            for process in [one for one in starting if self._is_ready(one)]:
                starting.remove(process)
                ready.add(process.name)
            self._check_ready_ones(ready)
            if self._wakeups.stop_asked:
                return False
            if time.monotonic() > ends_at:
                names = ", ".join(one.name for one in (*starting, *waiting))
                raise ComplaintError(f"not ready after {deadline:g} s: {names}; see {self._logs}")
            if starting:
                self._wakeups.wait(_LOOK_EVERY)
        self._changed(self.pids())
        return True

    def keep_alive(self) -> None:
        """Start again whatever dies, until asked to stop."""
        while not self._wakeups.stop_asked:
            now = time.monotonic()
            self._note_deaths(now)
            due = [name for name, at in self._restart_at.items() if at <= now]
            for process in [one for one in self._processes if one.name in due]:
                self._start_again(process, now)
            if due:
                self._changed(self.pids())
            next_start = min(self._restart_at.values(), default=None)
            pause = None if next_start is None else max(0.0, next_start - time.monotonic())
            self._wakeups.wait(pause)

    def stop(self) -> None:
        """End all, stage by stage; returns when every one is gone."""
        stop_all(list(self._children.values()), self._wakeups, self._say)
        self._children.clear()

    def pids(self) -> dict[str, int]:
        """The kept processes that run now."""
        return {name: one.pid for name, one in self._children.items() if not one.process.once}

    def _spawn(self, process: Process) -> None:
        try:
            child = Child(process, self._logs, self._home, time.monotonic())
        except OSError as error:
            raise ComplaintError(f"{process.name} cannot be started: {error}") from error
        self._children[process.name] = child

    def _start_again(self, process: Process, now: float) -> None:
        try:
            self._spawn(process)
        except ComplaintError as error:  # no memory for one more process, say: it may pass
            series = self._series[process.name].after_death(0.0)
            self._series[process.name] = series
            self._restart_at[process.name] = now + series.wait
            self._say(f"{error}; trying again in {series.wait:g} s")
        else:
            del self._restart_at[process.name]

    def _is_ready(self, process: Process) -> bool:
        child = self._children[process.name]
        code = child.exit_code()
        if process.once and code == 0:
            return True
        if code is not None:
            raise ComplaintError(child.reason())
        return not process.once and process.ready()

    def _check_ready_ones(self, ready: set[str]) -> None:
        """A death during the rest of the start ends the start too."""
        for name in ready:
            child = self._children[name]
            if not child.process.once and child.exit_code() is not None:
                raise ComplaintError(child.reason())

    def _note_deaths(self, now: float) -> None:
        for name, child in self._children.items():
            if child.process.once or name in self._restart_at or child.exit_code() is None:
                continue
            earlier = self._series.get(name, Backoff())
            series = earlier.after_death(now - child.started_at)
            self._series[name] = series
            self._restart_at[name] = now + series.wait
            # A child that dies of the same thing again and again is reported once, not each time.
            reason = child.reason()
            if series.deaths == 1 or self._said.get(name) != reason:
                self._said[name] = reason
                self._say(f"{reason}; starting it again in {series.wait:g} s")
