"""Upkeep's turn for batches, on a real database."""

from uuid import UUID

import pytest
from structlog.testing import capture_logs

from db.batch_intake import BatchIntake
from db.batch_rows import NewBatch
from db.batch_sweeps import BatchSweeps
from db.batches import BatchStore
from jobs.states import State
from tests.db.a_batch import lines_of
from worker.batches import tend_batches
from worker.parts import Parts


@pytest.mark.parametrize("names", ["ab", ""], ids=["with jobs", "empty"])
def test_what_is_done_to_all_jobs_is_done_in_a_turn_that_tells_of_the_end_once(
    parts: Parts, tenant: UUID, names: str
) -> None:
    batch = BatchStore(parts.database).add(NewBatch(tenant, "segmind", "one", {}))
    BatchIntake(parts.database).take(tenant, batch.id, lines_of(batch, *names))
    sweeps = BatchSweeps(parts.database)
    sweeps.cancel(tenant, batch.id)
    with capture_logs() as told:
        done = [tend_batches(parts) for _ in range(2)]
    assert [turn["changed"] for turn in done] == [len(names), 0]
    ends = [one["batch"] for one in told if one["event"] == "batch_finished"]
    assert ends == [str(batch.id)] * bool(names)
    kept, counts = BatchStore(parts.database).get(tenant, batch.id)
    assert kept.finished_at is not None
    assert counts.of(State.CANCELED).jobs == len(names)
