"""Batches in words, for a person at a terminal."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cli.ages import age
from cli.tables import lines as table
from cli.wording import clock_of
from segq_client import Batch


def list_lines(batches: Sequence[Batch], now: datetime) -> Iterator[str]:
    """A line for each."""
    if not batches:
        yield "there are no batches"
        return
    head = ("ID", "NAME", "STATE", "DONE", "FAILED", "COST", "AGE")
    rows = [
        (
            one.id,
            one.name[:30],
            one.state,
            f"{one.ended}/{one.jobs}",
            str(one.counts.get("failed", 0)),
            f"${one.cost}",
            age(one.raw["created_at"], now),
        )
        for one in batches
    ]
    yield from table(head, rows)


def batch_lines(batch: Batch) -> Iterator[str]:
    """One of them, with all that is to be said."""
    yield f"batch {batch.id} ({batch.name}) is {batch.state}"
    counts = ", ".join(f"{count:,} {state}" for state, count in batch.counts.items() if count)
    yield f"{batch.jobs:,} jobs: {counts or 'none yet'}"
    budget = batch.raw.get("budget")
    of_budget = "" if budget is None else f"; its budget is ${budget}"
    yield f"cost ${batch.cost}, about ${batch.projected_cost} in all{of_budget}"
    if batch.estimated_end:
        pace = f"{batch.images_per_minute:,} images a minute"
        yield f"{pace}; it ends at about {clock_of(batch.estimated_end)}"
    if batch.pause_note is not None:
        yield f"it pauses: {batch.pause_note}"
    if batch.rejected:
        yield f"{batch.rejected:,} lines were not taken"
    for one in batch.raw.get("errors", ()):
        yield f"{one['count']:,} failed: {one['kind']}: {one['message']} (job {one['example']})"
