"""How far batches are, while they run: a table that moves on a terminal, a line now and then elsewhere."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from cli.batch.following import Course
from cli.terminal import say
from cli.wording import clock_of
from segq_client import Batch

_LINE_EVERY = 10.0


@dataclass(frozen=True)
class Progress:
    """All batches of a folder together. `rate`: images of the last minute."""

    lines: int
    states: Counter[str]
    cost: Decimal
    projected: Decimal
    rate: int
    ends: str | None
    notes: tuple[str, ...]
    images: tuple[str, ...] = ()

    @property
    def ended(self) -> int:
        return sum(self.states[one] for one in ("succeeded", "failed", "canceled", "expired"))

    def __str__(self) -> str:
        running = self.states["running"]
        parts = [
            f"{self.ended:,} of {self.lines:,} done",
            f"{running:,} running",
            *(
                f"{self.states[one]:,} {one}"
                for one in ("failed", "expired", "canceled", "in_doubt")
                if self.states[one]
            ),
            f"{self.rate:,} images a minute",
            f"${self.cost} of about ${self.projected}",
        ]
        if self.ends:
            parts.append(f"ends at about {clock_of(self.ends)}")
        return "; ".join([", ".join(parts), *self.notes])


def progress_of(courses: Sequence[Course], images: Sequence[str]) -> Progress:
    """As the batches were last read."""
    batches = [one.batch for one in courses if one.batch is not None]
    ends = [one.estimated_end for one in batches if one.estimated_end]
    states: Counter[str] = Counter()
    for one in batches:
        states.update(one.counts)
    return Progress(
        lines=sum(len(one.record.plan) for one in courses),
        states=states,
        cost=sum((one.cost for one in batches), Decimal(0)),
        projected=sum((one.projected_cost for one in batches), Decimal(0)),
        rate=sum(one.images_per_minute for one in batches),
        ends=max(ends, default=None),
        notes=tuple(_notes(courses)),
        images=tuple(images),
    )


def progress_of_batch(batch: Batch) -> Progress:
    """Of one that is only looked at."""
    note = batch.pause_note
    return Progress(
        lines=batch.jobs,
        states=Counter(batch.counts),
        cost=batch.cost,
        projected=batch.projected_cost,
        rate=batch.images_per_minute,
        ends=batch.estimated_end,
        notes=() if note is None else (f"it pauses: {note}",),
    )


class Display(Protocol):
    """Both ways to show it."""

    def entered(self) -> AbstractContextManager[Any]: ...
    def show(self, progress: Progress) -> None: ...


class LineDisplay:
    """A line when something has changed, every ten seconds at the most often, and at the end."""

    def __init__(self) -> None:
        self._at = 0.0
        self._said = ""
        self._notes: tuple[str, ...] = ()

    def entered(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def show(self, progress: Progress) -> None:
        now, line = time.monotonic(), str(progress)
        is_due = now - self._at >= _LINE_EVERY or progress.notes != self._notes
        if line != self._said and (is_due or progress.ended == progress.lines):
            say(line)
            self._at, self._said, self._notes = now, line, progress.notes


class TableDisplay:
    """Drawn again as the jobs move."""

    def __init__(self) -> None:
        # Imported here: who writes into a file does not need it, and it costs a start 0.1 s.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        self._live = Live(console=Console(stderr=True), refresh_per_second=5)

    def entered(self) -> AbstractContextManager[Any]:
        return self._live

    def show(self, progress: Progress) -> None:
        from rich.console import Group  # noqa: PLC0415 (as above)
        from rich.progress_bar import ProgressBar  # noqa: PLC0415 (as above)
        from rich.text import Text  # noqa: PLC0415 (as above)

        # As text, or a name with brackets in it would be taken for markup.
        self._live.update(
            Group(
                Text(str(progress)),
                *(Text(f"  {name}") for name in progress.images),
                # Last: it does not end its line.
                ProgressBar(total=max(1, progress.lines), completed=progress.ended),
            )
        )


def choose_display() -> Display:
    return TableDisplay() if sys.stderr.isatty() else LineDisplay()


def _notes(courses: Sequence[Course]) -> list[str]:
    found = []
    for one in courses:
        if one.batch is not None and one.batch.pause_note is not None:
            found.append(f"batch {one.record.id} pauses: {one.batch.pause_note}")
        if one.sender is not None and one.sender.waits:
            found.append(f"the queue is full: {one.taken:,} lines were taken")
        if one.full is not None:
            found.append(f"images are not saved any more: {one.full}")
        if one.record.short is not None and not one.is_over:
            found.append(one.record.short)
    return found
