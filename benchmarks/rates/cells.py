"""The cells: who calls, at which limit, in which kind of window. Groups of them run side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from benchmarks.complaint import ComplaintError

WindowKind = Literal["fixed", "sliding"]
KINDS: tuple[WindowKind, ...] = ("fixed", "sliding")

KNOWN, AUTO = "known", "auto"
BACKOFF, RATE_LIMIT = "celery-backoff", "celery-rate-limit"
BUCKET_HIGH, BUCKET_LOW = "bucket-10-high", "bucket-20-low"
PEERS = (BACKOFF, RATE_LIMIT, BUCKET_HIGH, BUCKET_LOW)

LIMITS = (60, 300, 1_000)
USUAL, CHANGED = 300, 120
_LOW = 5
_OUTSIDE = 0.3
_BEFORE, _DURING = 2, 4
"""Windows before a limit falls (after the first), and until it rises again."""

MATRIX = "Limits that segq knows, and that it finds out"
CHANGES = "A limit that falls and rises"
WORKERS = "Several worker processes"
SHARED = "A second client on the same key"
OTHERS = "What most people would write"


@dataclass(frozen=True)
class Cell:
    """One caller against one provider. `limit`, `outside` and `low` are calls a minute.

    `low`: what the limit falls to for a while. `outside`: what a second client on the key asks for.
    """

    table: str
    limit: int
    kind: WindowKind
    subject: str
    workers: int = 1
    outside: int = 0
    low: int | None = None

    @property
    def name(self) -> str:
        limit = str(self.limit) if self.low is None else f"{self.limit}-{self.low}-{self.limit}"
        parts = [limit, self.kind, self.subject]
        if self.workers > 1 and self.subject not in PEERS:
            parts.append(f"{self.workers}-workers")
        if self.outside:
            parts.append("second-client")
        return "/".join(parts)

    @property
    def slots(self) -> int:
        """Of all its workers: four times what calls of 3 s take at an even pace, 16 at least."""
        return max(16, self.limit // 4)

    @property
    def weight(self) -> int:
        """What it asks of the machine, as calls a minute; processes that wait take a share, too."""
        # Most of its calls are refused and made again.
        calls = 3 * self.limit if self.subject == BACKOFF else self.limit
        return calls + 100 + 50 * self.workers

    def phases(self, windows: int) -> list[tuple[int, int]]:
        """So many windows with this limit, one after the other. The very first is for starting."""
        if self.low is None:
            return [(1 + windows, self.limit)]
        return [(1 + _BEFORE, self.limit), (_DURING, self.low), (windows, self.limit)]


def calls_in(window: float, a_minute: int) -> int:
    """What a window of so many seconds lets through, one call at least."""
    return max(1, round(a_minute * window / 60))


def all_cells(peers_at: Iterable[int]) -> list[Cell]:
    """Every cell, the peers' last."""
    both = (KNOWN, AUTO)
    return [
        *(Cell(MATRIX, limit, kind, who) for limit in LIMITS for kind in KINDS for who in both),
        *(Cell(WORKERS, USUAL, kind, KNOWN, workers) for workers in (2, 8) for kind in KINDS),
        *(
            Cell(SHARED, USUAL, kind, who, outside=round(_OUTSIDE * USUAL))
            for kind in KINDS
            for who in both
        ),
        *(Cell(CHANGES, CHANGED, kind, who, low=_LOW) for kind in KINDS for who in both),
        *(
            Cell(OTHERS, limit, kind, who, workers=1 if who in (BUCKET_HIGH, BUCKET_LOW) else 2)
            for limit in peers_at
            for kind in KINDS
            for who in PEERS
        ),
    ]


def chosen(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Those that a pattern (as a shell's) means. Raises `ComplaintError` for one that means none."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ComplaintError(f"no cell is called {pattern!r}; there are {', '.join(names)}")
    return [name for name in names if any(fnmatchcase(name, one) for one in patterns)]


def groups(cells: Iterable[Cell], most: int) -> list[list[Cell]]:
    """Cells to run at once: as heavy together as `most`, or one that alone is heavier.

    Peers are not beside segq: what is refused and made again costs processor time. Those whose limit
    changes take the longest, and are in as few groups as can be.
    """
    found: list[tuple[bool, list[Cell]]] = []
    # Then the heaviest first: what is light finds room beside them.
    for cell in sorted(cells, key=lambda one: (one.low is None, -one.weight)):
        is_peer = cell.subject in PEERS
        for of_peers, group in found:
            if of_peers == is_peer and sum(one.weight for one in group) + cell.weight <= most:
                group.append(cell)
                break
        else:
            found.append((is_peer, [cell]))
    return [group for _, group in found]
