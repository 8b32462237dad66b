"""Jobs that are put straight into SQL are jobs like any other."""

from datetime import timedelta

import pytest

from benchmarks import queued_jobs
from benchmarks.complaint import ComplaintError
from db.accounts import AccountStore
from db.engine import Database
from db.rows import Terms
from db.runs import RunStore
from jobs.account_pauses import PauseReason


def test_they_are_claimed_in_the_order_of_their_ids(database: Database) -> None:
    queued_jobs.add(database, 50)
    account = AccountStore(database).ensure("segmind", "default", call_limit=60, window_seconds=60)
    claims = RunStore(database).claim(
        queued_jobs.POOL, account.id, terms=Terms(timedelta(seconds=60)), count=50
    )
    assert isinstance(claims, list)
    ids = [claim.job.id for claim in claims]
    assert len(set(ids)) == 50
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}
    assert all(claim.job.input["prompt"] == queued_jobs.INPUT["prompt"] for claim in claims)


def test_held_ones_are_not_claimed(database: Database) -> None:
    queued_jobs.add(database, 5, model="ssd-1b", held_for=PauseReason.FORBIDDEN)
    queued_jobs.add(database, 2)
    account = AccountStore(database).ensure("segmind", "default", call_limit=60, window_seconds=60)
    claims = RunStore(database).claim(
        queued_jobs.POOL, account.id, terms=Terms(timedelta(seconds=60)), count=7
    )
    assert isinstance(claims, list)
    assert [claim.job.model for claim in claims] == [queued_jobs.MODEL] * 2


def test_what_did_not_succeed_is_no_speed(database: Database) -> None:
    queued_jobs.add(database, 3)
    with pytest.raises(ComplaintError, match=r"3 jobs became {'queued': 3}, by 3 calls"):
        queued_jobs.check_all_succeeded(database, 3, 3)
