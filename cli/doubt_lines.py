"""Doubts in lines for a person at a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cli.ages import age
from segq_client import Job

_HEAD = ("JOB", "MODEL", "FOR", "AT STAKE", "ON DOUBT", "DEADLINE", "KIND")
_NOT_ENDS = frozenset({"open", "sent_again"})


def doubt_lines(jobs: Sequence[Job], now: datetime | None = None) -> Iterator[str]:
    """A table of jobs in doubt; below each what the last look for its call came to."""
    if not jobs:
        yield "no job is in doubt"
        return
    rows = [_HEAD, *(_row(job, now or datetime.now(UTC)) for job in jobs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, job in zip(rows, (None, *jobs), strict=True):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if job is not None:
            looked = job.doubt.looked if job.doubt else None
            yield f"    {' '.join((looked or 'not looked for yet').split())}"


def ended_line(accounts: Sequence[Mapping[str, Any]]) -> str:
    """How the doubts of all accounts ended so far."""
    counts: Counter[str] = Counter()
    for account in accounts:
        counts.update(account.get("doubts", {}))
    ends = [f"{count:,} {end}" for end, count in counts.items() if count and end not in _NOT_ENDS]
    again = f"; {counts['sent_again']:,} sent again" if counts["sent_again"] else ""
    return f"ended so far: {', '.join(ends) or 'none'}{again}"


def _row(job: Job, now: datetime) -> tuple[str, ...]:
    doubt = job.doubt
    if doubt is None:  # it has ended since the list was read
        return (job.id, job.model, "-", "-", "-", "-", job.state)
    return (
        job.id,
        job.model,
        age(doubt.since, now),
        "?" if doubt.estimate is None else f"${doubt.estimate}",
        job.on_doubt or "?",
        job.doubt_deadline or "-",
        doubt.kind,
    )
