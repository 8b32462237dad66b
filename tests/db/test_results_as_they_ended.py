"""The results of a batch in the order of their ends, read by somebody who comes again and again."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from db import batch_results
from db.account_values import Account
from db.batch_intake import BatchIntake
from db.batch_results import BEGIN, READS_ONLY, SETTLING, BatchResults
from db.batch_rows import Batch
from db.engine import Database
from db.runs import RunStore
from jobs.states import State
from tests.db.a_batch import BROKE, FAILS, claims, lines_of
from tests.db.conftest import failed, succeeded

SHOWN = SETTLING.total_seconds() + 0.2


class Feed:
    """Reads on where it has ended the last time."""

    def __init__(self, database: Database, batch: Batch) -> None:
        self._database, self._batch, self._after = database, batch, BEGIN

    def more(self, reads_only: timedelta = READS_ONLY) -> list[str | None]:
        """What its lines are called whose jobs have ended since."""
        results = BatchResults(self._database, reads_only)
        found: list[str | None] = []
        while True:
            page = results.as_they_ended(self._batch.id, 1, self._after)
            found += [one.job.custom_id for one in page.results]
            if page.after is None:
                return found
            self._after = page.after


def test_an_end_that_is_committed_late_is_not_lost(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    """The first of two has waited for something: the second is not shown before it."""
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    first, second = claims(runs, account, 2)
    feed = Feed(database, batch)
    with ThreadPoolExecutor(2) as threads:
        with database.write():
            runs.settle(succeeded(first))
            settling = threads.submit(runs.settle, succeeded(second))
            time.sleep(SHOWN)
            assert threads.submit(feed.more).result(20) == []
        settling.result(20)
    time.sleep(SHOWN)
    assert feed.more() == [first.job.custom_id, second.job.custom_id]


def test_who_has_only_read_so_far_may_still_end_a_job(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    """As an expiry that has taken its time. One that has read for long is nobody who writes."""
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, "a"))
    (claim,) = claims(runs, account, 1)
    feed = Feed(database, batch)
    with database.without_transaction() as reading:
        reading.execute(text("SELECT 1"))
        runs.settle(succeeded(claim))
        time.sleep(SHOWN)
        if not database.is_sqlite:
            assert feed.more() == []
        assert feed.more(reads_only=timedelta(seconds=1)) == ["a"]
        reading.rollback()


def test_what_was_not_asked_for_is_gone_past_for_good(
    database: Database,
    batch: Batch,
    runs: RunStore,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_results, "_GONE_PAST", 3)
    monkeypatch.setattr(batch_results, "SETTLING", timedelta())
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"abcdefg"))
    for claim in claims(runs, account, 7):
        well = claim.job.custom_id not in {"d", "g"}
        runs.settle(succeeded(claim) if well else failed(claim, BROKE, FAILS))
    results, after, told = BatchResults(database), BEGIN, []
    for _ in range(4):
        page = results.as_they_ended(batch.id, 1, after, [State.FAILED])
        told.append([one.job.custom_id for one in page.results])
        if page.after is None:
            break
        after = page.after
    assert told == [[], ["d"], ["g"], []]
    assert page.until is not None
    assert results.as_they_ended(batch.id, 1, page.until, [State.FAILED]).results == []
