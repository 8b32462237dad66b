"""A group of cells side by side: each with its own provider, Redis, database and processes."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.complaint import ComplaintError
from benchmarks.processes_seen import cpu_seconds, machine_seconds, waited_seconds
from benchmarks.rates.callers import Caller, Ground, start
from benchmarks.rates.cells import PEERS, Cell, calls_in
from benchmarks.rates.figures import Measured
from benchmarks.rates.provider_windows import Call, Provider, whole_windows
from benchmarks.servers.postgres import Postgres
from benchmarks.servers.sandbox import running_sandbox
from benchmarks.servers.valkey import running_valkey

_LOOK_SECONDS = 0.1
_START_SECONDS = 60.0
_SPARE_WINDOWS = 3
"""Jobs for so many windows more, so that nobody runs out of them."""


@dataclass(frozen=True)
class Knobs:
    """`windows` that are measured, of `window` seconds; `latency` is a call's median, in seconds."""

    windows: int
    window: float
    latency: float

    def calls(self, a_minute: int) -> int:
        """What a window lets through."""
        return calls_in(self.window, a_minute)


@dataclass(frozen=True)
class Load:
    """While a group ran: % of all cores that somebody used, whoever it was; % of the time in which
    somebody waited for one (None: the system does not tell); the busiest sandbox's % of a core.
    """

    busy: float
    waited: float | None
    sandbox: float


class _Meter:
    """The machine from now on."""

    def __init__(self) -> None:
        self._at, self._waited = time.monotonic(), waited_seconds()
        self._busy, self._all = machine_seconds()

    def load(self, sandbox: float) -> Load:
        busy, all_ = machine_seconds()
        now, waited = time.monotonic(), waited_seconds()
        return Load(
            100 * (busy - self._busy) / max(0.01, all_ - self._all),
            None
            if waited is None or self._waited is None
            else 100 * (waited - self._waited) / (now - self._at),
            sandbox,
        )


@dataclass
class _Running:
    """A cell from its first call to its last window."""

    cell: Cell
    ground: Ground
    caller: Caller
    knobs: Knobs
    limits: list[tuple[float, int]] = field(default_factory=list)
    found: Measured | None = None
    sandbox_share: float = 0.0
    _began: float = 0.0
    _outside_since: float = 0.0
    _first: float | None = None
    _look_again: float = 0.0
    _changes: list[tuple[int, int]] = field(default_factory=list)
    _cpu: float = 0.0
    _sandbox_cpu: float = 0.0

    def begin(self) -> None:
        self._began = time.time()
        self._cpu, self._sandbox_cpu = self._cpu_so_far()
        first, *changes = self.cell.phases(self.knobs.windows)
        self.limits = [(0.0, self.knobs.calls(first[1]))]
        after = first[0]
        for windows, limit in changes:
            self._changes.append((after, self.knobs.calls(limit)))
            after += windows
        if self.cell.outside:
            self._outside_since = time.time()
            self.ground.sandbox.change(outside_rpm=self.cell.outside)
        self._look_again = self._began
        self.caller.begin()

    def look(self) -> None:
        """Change what is due, and see whether enough windows are over."""
        for process in self.caller.processes:
            process.check()
        now = time.time()
        if self._first is None:
            self._wait_for_first(now)
            return
        while self._changes and now >= self._first + self._changes[0][0] * self.knobs.window:
            _, limit = self._changes.pop(0)
            self.ground.sandbox.change(rpm=limit)
            self.limits.append((time.time(), limit))
        if not self._changes and now >= self._look_again:
            self._measure(now)

    def _wait_for_first(self, now: float) -> None:
        rows = self.ground.sandbox.ledger()
        if rows:
            self._first = float(rows[0]["received_at"])
            windows = sum(count for count, _ in self.cell.phases(self.knobs.windows))
            self._look_again = self._first + windows * self.knobs.window + _LOOK_SECONDS
        elif now > self._began + _START_SECONDS:
            said = "".join(f"\n{one.name}: {one.last_words()}" for one in self.caller.processes)
            raise ComplaintError(f"no call of {self.cell.name} within {_START_SECONDS:g} s{said}")

    def _measure(self, now: float) -> None:
        cpu, sandbox_cpu = self._cpu_so_far()
        calls = _calls(self.cell, self.ground.sandbox.ledger())
        provider = Provider(
            self.cell.kind,
            self.knobs.window,
            self.limits,
            self.cell.outside,
            self._outside_since,
        )
        spans = whole_windows(calls, provider, now)
        lacking = self.cell.phases(self.knobs.windows)[-1][0] - len(provider.phase(spans, -1))
        if lacking > 0:
            self._look_again = now + (lacking - 0.9) * self.knobs.window
            return
        self.sandbox_share = 100 * (sandbox_cpu - self._sandbox_cpu) / (now - self._began)
        self.found = Measured(self.cell, provider, calls, spans, cpu - self._cpu)

    def _cpu_so_far(self) -> tuple[float, float]:
        processes = sum(cpu_seconds(one.pid) for one in self.caller.processes)
        return processes, cpu_seconds(self.ground.sandbox.process.pid)


def run_together(
    postgres: Postgres, folder: Path, cells: Sequence[Cell], knobs: Knobs
) -> tuple[list[Measured], Load]:
    """All of them at once; returns when the last has had its windows."""
    with ExitStack() as ends:
        running = [_prepared(postgres, folder, cell, knobs, ends) for cell in cells]
        meter = _Meter()
        for one in running:
            one.begin()
        while waiting := [one for one in running if one.found is None]:
            for one in waiting:
                one.look()
            time.sleep(_LOOK_SECONDS)
        load = meter.load(max(one.sandbox_share for one in running))
        # What is under way is nobody's any more.
        for one in running:
            for process in one.caller.processes:
                process.ask_to_end(at_once=True)
        return [one.found for one in running if one.found is not None], load


def _prepared(
    postgres: Postgres, folder: Path, cell: Cell, knobs: Knobs, ends: ExitStack
) -> _Running:
    ground = ends.enter_context(_a_ground(postgres, folder, cell, knobs))
    phases = cell.phases(knobs.windows)
    jobs = sum(count * knobs.calls(limit) for count, limit in phases)
    jobs += _SPARE_WINDOWS * knobs.calls(cell.limit)
    return _Running(cell, ground, start(ground, cell, jobs, ends), knobs)


@contextmanager
def _a_ground(postgres: Postgres, folder: Path, cell: Cell, knobs: Knobs) -> Iterator[Ground]:
    own = Path(tempfile.mkdtemp(dir=folder))
    settings = {
        "rpm": knobs.calls(cell.limit),
        "window": cell.kind,
        "window_seconds": knobs.window,
        "latency": {"median": knobs.latency},
    }
    with running_valkey(own) as valkey, running_sandbox(own, settings) as sandbox:
        url = postgres.new_database(prepared=cell.subject not in PEERS)
        try:
            yield Ground(own, url, valkey.url, sandbox, knobs.window)
        finally:
            postgres.drop(url)
            shutil.rmtree(own, ignore_errors=True)


def _calls(cell: Cell, rows: Sequence[dict[str, object]]) -> list[Call]:
    """Raises `ComplaintError` for another answer than an image or a 429: it would be no measure."""
    answers = {row["status"] for row in rows} - {None, 200, 429}
    if answers:
        raise ComplaintError(f"{cell.name}: the provider answered {answers}, not 200 and 429 alone")
    return [Call(float(str(row["received_at"])), row["status"] != 429) for row in rows]
