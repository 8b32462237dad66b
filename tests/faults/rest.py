"""When a system is at rest: nothing runs, nothing waits that could run, nothing is left to settle."""

from collections.abc import Iterator

from db import receipts
from db.artifacts import ArtifactsAway
from tests.systems.processes import wait_until
from tests.systems.running_system import System

_RESTLESS = """
SELECT state, count(*) AS jobs FROM jobs
WHERE state NOT IN ('succeeded', 'failed', 'canceled', 'expired', 'in_doubt') GROUP BY state
"""
_NOT_LOOKED_FOR = """
SELECT count(*) AS new FROM attempts
WHERE in_doubt_at IS NOT NULL AND finished_at IS NULL AND looked IS NULL
"""
_OPEN = "SELECT count(*) AS open FROM attempts WHERE finished_at IS NULL AND in_doubt_at IS NULL"


def wait_for_rest(system: System, timeout: float = 60) -> None:
    """Fails, and says what is still going on, after `timeout` seconds."""
    last: list[str] = []

    def rests() -> bool:
        last[:] = _going_on(system)
        return not last

    try:
        wait_until(rests, "rest", timeout=timeout, every=0.1)
    except AssertionError:
        raise AssertionError(f"no rest after {timeout:g} s: {'; '.join(last)}") from None


def _going_on(system: System) -> Iterator[str]:
    for row in system.sql(_RESTLESS):
        yield f"{row['jobs']} jobs {row['state']}"
    (attempts,) = system.sql(_OPEN)
    if attempts["open"]:
        yield f"{attempts['open']} attempts open"
    (doubts,) = system.sql(_NOT_LOOKED_FOR)
    if doubts["new"]:
        yield f"{doubts['new']} doubts that nobody has looked for in the history"
    try:
        kept = receipts.pending(system.artifacts)
    except ArtifactsAway as error:
        yield str(error)
        return
    if kept:
        yield f"{len(kept)} files of receipts"
    running = sum(row["finished_at"] is None for row in system.ledger())
    if running:
        yield f"the provider works on {running} calls"
