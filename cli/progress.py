"""Showing a set of jobs while they run: a table that moves, or a line a change."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Row:
    """One job as it is shown. `seconds` since its submit; `waits`: in words, why it is not done."""

    title: str
    state: str
    seconds: float
    note: str = ""
    waits: str = ""


class Progress(Protocol):
    """Both ways to show rows."""

    def entered(self) -> AbstractContextManager[Any]: ...
    def show(self, rows: Sequence[Row]) -> None: ...


class LineProgress:
    """For files and pipes: a line when a job's state changes."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        # Many jobs wait for the same thing; it is said once.
        self._told = {""}

    def entered(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def show(self, rows: Sequence[Row]) -> None:
        for row in rows:
            is_new = row.waits not in self._told
            if is_new or self._shown.get(row.title) != row.state:
                self._shown[row.title] = row.state
                self._told.add(row.waits)
                state = f"{row.state}: {row.waits}" if is_new else row.state
                print(
                    f"{row.seconds:6.1f} s  {row.title}: {state}  {row.note}".rstrip(),
                    flush=True,
                )


class TableProgress:
    """For terminals: one table, drawn again as the jobs move."""

    def __init__(self) -> None:
        # Imported here: `--exit` in a pipeline does not need it, and it costs a start 0.1 s.
        from rich.live import Live  # noqa: PLC0415

        self._live = Live(refresh_per_second=5)

    def entered(self) -> AbstractContextManager[Any]:
        return self._live

    def show(self, rows: Sequence[Row]) -> None:
        from rich.table import Table  # noqa: PLC0415 (as above)
        from rich.text import Text  # noqa: PLC0415 (as above)

        waits = dict.fromkeys(f"{row.state}: {row.waits}" for row in rows if row.waits)
        table = Table("job", "state", "seconds", "", caption=Text("\n".join(waits)))
        for row in rows:
            table.add_row(row.title, row.state, f"{row.seconds:.1f}", row.note)
        self._live.update(table)


def choose_progress() -> Progress:
    return TableProgress() if sys.stdout.isatty() else LineProgress()
