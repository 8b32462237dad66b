"""Upkeep's turn for batches: counts, ends, stops, and what is done to all jobs of one in parts."""

import time
from uuid import UUID

import structlog

from db.batch_sweeps import BatchSweeps
from db.batch_upkeep import BatchUpkeep
from worker.parts import Parts

log = structlog.get_logger()

NOTES = 5_000
"""Added up in one commit."""
SECONDS = 2.0
"""A turn goes on for so long at the most while there is something to do; one comes every second."""
_BATCHES = 100


def tend_batches(parts: Parts) -> dict[str, int]:
    """One turn."""
    until = time.monotonic() + SECONDS
    upkeep, sweeps = BatchUpkeep(parts.database), BatchSweeps(parts.database)
    finished = stopped = changed = 0
    begun: list[UUID] = []
    while True:
        done = upkeep.tend(NOTES, begun)
        for batch_id, failed in done.stopped:
            log.warning("batch_stopped", batch=str(batch_id), failed=failed)
        stopped += len(done.stopped)
        begun = sweeps.begun(_BATCHES)
        swept = [(batch_id, sweeps.go_on(batch_id)) for batch_id in begun]
        changed += sum(part.changed for _, part in swept)
        ended = [*done.finished, *(batch_id for batch_id, part in swept if part.finished)]
        for batch_id in ended:
            log.info("batch_finished", batch=str(batch_id))
        finished += len(ended)
        if not (done.notes or begun) or time.monotonic() >= until:
            return {"finished": finished, "stopped": stopped, "changed": changed}
