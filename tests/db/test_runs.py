from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.rows import Claim, Held, Settlement
from db.runs import RunStore
from db.tables import attempts
from jobs.account_pauses import Pause, PauseReason, ResetBounds, after
from jobs.credits import Reading
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.conftest import LEASE, PRICE, Claimer, Submit, claim_one, failed, succeeded

DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)
LOST = Failure(FailureKind.WORKER_LOST, "its worker was lost")


def test_a_claim_runs_the_job_and_writes_the_intent_down(
    submit: Submit, claim: Claimer, job_store: JobStore, tenant: UUID, database: Database
) -> None:
    job = submit()
    claimed = claim()
    assert claimed.job.id == job.id
    assert (claimed.number, claimed.job.state) == (1, State.RUNNING)
    assert claimed.seed is not None
    assert claimed.seed >= 0
    found = job_store.get(tenant, job.id)
    assert found.state is State.RUNNING
    assert found.started_at is not None
    with database.read() as connection:
        row = connection.execute(select(attempts)).one()
    assert (row.id, row.job_id, row.seed) == (claimed.attempt_id, job.id, claimed.seed)
    assert timedelta() <= row.lease_until - row.claimed_at - LEASE < timedelta(seconds=1)


def test_the_callers_own_seed_is_kept(submit: Submit, claim: Claimer) -> None:
    submit(input={"seed": 760941192})
    assert claim().seed == 760941192


def test_many_claimers_never_get_the_same_job(
    submit: Submit, runs: RunStore, account: Account
) -> None:
    expected = {submit().id for _ in range(40)}

    def claim_all(_: int) -> list[UUID]:
        got = []
        while isinstance(found := claim_one(runs, account.id), Claim):
            got.append(found.job.id)
        return got

    with ThreadPoolExecutor(8) as pool:
        got = [job for part in pool.map(claim_all, range(8)) for job in part]
    while (found := claim_one(runs, account.id)) is not None:
        assert isinstance(found, Claim)
        got.append(found.job.id)
    assert len(got) == len(expected)
    assert set(got) == expected


def test_a_pause_and_a_small_balance_hold_the_claim(
    submit: Submit, runs: RunStore, account: Account, account_store: AccountStore, claim: Claimer
) -> None:
    submit()
    account_store.pause(account.id, Pause(PauseReason.SPEND_LIMIT, None))
    held = claim_one(runs, account.id)
    assert held == Held(Pause(PauseReason.SPEND_LIMIT, None))
    assert account_store.resume(account.id, PauseReason.SPEND_LIMIT)

    at = datetime.now(UTC)
    account_store.read_credits(account.id, Reading(Money(2 * PRICE - 1), at, at))
    claim()
    submit()
    said = (
        "a balance of 0.0119999999 USD, of which calls under way or in doubt may cost 0.006, does "
        "not pay for the next call's 0.006"
    )
    held = claim_one(runs, account.id)
    pause = Pause(PauseReason.CREDITS, None, said=said)
    assert held == Held(pause, new=True)
    # It stands in the commit that found it: nobody can bring a better balance in between.
    assert account_store.get(account.id).pause(at) == pause
    assert claim_one(runs, account.id) == Held(pause)
    assert account_store.committed(account.id) == PRICE


def test_a_rate_limit_only_moves_on_and_outlives_every_other_pause(
    account: Account, account_store: AccountStore
) -> None:
    now = datetime.now(UTC)
    soon = Pause(PauseReason.RATE_LIMIT, now + timedelta(seconds=5))
    later = Pause(PauseReason.RATE_LIMIT, now + timedelta(seconds=50))
    endless = Pause(PauseReason.CREDITS, None)

    def then(pause: Pause) -> Pause | None:
        account_store.pause(account.id, pause)
        return account_store.get(account.id).pause(now)

    assert [then(pause) for pause in (soon, later, soon)] == [soon, later, later]
    assert then(endless) == then(later) == endless
    assert not account_store.resume(account.id, PauseReason.KEY_REFUSED)
    assert account_store.resume(account.id, PauseReason.CREDITS)
    found = account_store.get(account.id)
    assert found.pause(now) == later
    assert found.limited_for(now) == 50
    assert found.pause(now + timedelta(seconds=50)) is None


@pytest.mark.parametrize("off", [3_600, -3_600], ids=["ahead", "behind"])
def test_a_rate_limit_lasts_as_long_as_was_said_whatever_the_workers_clock_shows(
    off: float,
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    account: Account,
    account_store: AccountStore,
) -> None:
    submit()
    failure = Failure(FailureKind.RATE_LIMITED, "slow down")
    of_the_worker = datetime.now(UTC) + timedelta(seconds=off)
    pause = after(failure, "ssd-canny", of_the_worker, ResetBounds(guessed=timedelta(seconds=50)))
    runs.settle(failed(claim(), failure, Decision(State.QUEUED, spends_attempt=False), pause=pause))
    left = account_store.get(account.id).limited_for(account_store.time())
    assert 40 < left <= 50
    # One who claims is told what is left of it, whatever its own clock shows.
    held = claim_one(runs, account.id)
    assert isinstance(held, Held)
    assert held.pause.lasts is not None
    assert 40 < held.pause.lasts.total_seconds() <= 50


def test_a_pause_is_in_the_commit_that_frees_its_job(
    submit: Submit, claim: Claimer, runs: RunStore, account: Account
) -> None:
    submit()
    pause = Pause(PauseReason.RATE_LIMIT, datetime.now(UTC) + timedelta(seconds=50))
    limited = Failure(FailureKind.RATE_LIMITED, "slow down")
    back = Decision(State.QUEUED, spends_attempt=False)
    runs.settle(failed(claim(), limited, back, pause=pause))
    assert claim_one(runs, account.id) == Held(pause)


def test_a_balance_for_one_call_lets_one_go_however_many_ask(
    submit: Submit, runs: RunStore, account: Account, account_store: AccountStore
) -> None:
    for _ in range(8):
        submit()
    at = datetime.now(UTC)
    account_store.read_credits(account.id, Reading(PRICE, at, at))

    with ThreadPoolExecutor(8) as pool:
        found = [
            one.result() for one in [pool.submit(claim_one, runs, account.id) for _ in range(8)]
        ]
    assert sum(isinstance(one, Claim) for one in found) == 1


def test_an_account_is_opened_first_once(account: Account, account_store: AccountStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: account_store.open_first(account.id), range(4)))
    assert sorted(opened) == [False, False, False, True]


def test_a_repeated_request_id_loses_no_paid_result(
    submit: Submit, claim: Claimer, runs: RunStore, job_store: JobStore, tenant: UUID
) -> None:
    one, other = submit(), submit()
    for claimed in (claim(), claim()):
        assert runs.settle(replace(succeeded(claimed), request_id="the same"))
    for job in (one, other):
        assert job_store.get(tenant, job.id).state is State.SUCCEEDED


def test_what_is_overdue_stands_in_nobodys_way(
    submit: Submit, claim: Claimer, runs: RunStore, account: Account
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    submit(priority=Priority.HIGH, finish_by=past)
    submit(group="a", finish_by=past)
    good, low = submit(group="b"), submit(priority=Priority.LOW)
    for expected in (good, low):
        assert runs.next_price("segmind", account.id) == PRICE
        assert claim().job.id == expected.id
    assert runs.next_price("segmind", account.id) is None


def test_a_doubt_ends_as_what_it_was_though_a_cancel_was_asked_for(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
    database: Database,
    tenant: UUID,
) -> None:
    job = submit()
    claimed = claim()
    JobChanges(database).cancel(tenant, job.id)
    runs.settle(failed(claimed, LOST, DOUBT))
    assert runs.settle(succeeded(claimed))
    assert job_store.get(tenant, job.id).state is State.SUCCEEDED


def test_a_success_is_settled_once(
    submit: Submit, claim: Claimer, runs: RunStore, job_store: JobStore, tenant: UUID
) -> None:
    job = submit()
    settlement = succeeded(claim())
    assert runs.settle(settlement)
    assert not runs.settle(settlement)
    # Nor as something else: what is known is written once.
    assert not runs.settle(replace(settlement, cost=Money(70_000_000)))
    found = job_store.get(tenant, job.id)
    assert found.state is State.SUCCEEDED
    assert (found.attempts, found.cost, len(found.outputs)) == (1, 50_000_000, 1)
    assert found.finished_at is not None
    assert found.seed == settlement.seed


def test_a_lost_attempt_is_found_only_after_its_lease(
    submit: Submit, runs: RunStore, account: Account, claim: Claimer
) -> None:
    submit()
    claim()
    assert runs.lost(10) == []
    submit()
    brief = claim_one(runs, account.id, timedelta())
    assert isinstance(brief, Claim)
    assert [lost.attempt_id for lost in runs.lost(10)] == [brief.attempt_id]


def test_an_older_attempt_is_fenced_off(
    submit: Submit, claim: Claimer, runs: RunStore, job_store: JobStore, tenant: UUID
) -> None:
    job = submit()
    first = claim()
    limited = Failure(FailureKind.RATE_LIMITED, "slow down")
    assert runs.settle(failed(first, limited, Decision(State.QUEUED, spends_attempt=False)))
    second = claim()
    assert (second.job.id, second.number) == (job.id, 2)
    assert not runs.settle(succeeded(first))
    found = job_store.get(tenant, job.id)
    assert (found.state, found.attempts) == (State.RUNNING, 0)
    assert runs.settle(succeeded(second))


def test_an_attempt_in_doubt_keeps_its_money_committed(
    submit: Submit, claim: Claimer, runs: RunStore, account: Account, account_store: AccountStore
) -> None:
    submit()
    lost: Settlement = failed(claim(), LOST, DOUBT)
    runs.settle(lost)
    assert account_store.committed(account.id) == PRICE


def test_recent_calls_leave_out_those_that_never_left(
    submit: Submit, claim: Claimer, runs: RunStore, account: Account, account_store: AccountStore
) -> None:
    for _ in range(4):
        submit()
    unsent, sent, running, recovered = claim(), claim(), claim(), claim()
    runs.settle(succeeded(recovered))  # from its images: nobody knows when it was sent
    not_sent = Failure(FailureKind.NOT_SENT, "refused")
    runs.settle(failed(unsent, not_sent, Decision(State.QUEUED, spends_attempt=False)))
    runs.settle(succeeded(sent, sent_at=datetime.now(UTC)))
    recent = account_store.recent_calls(account.id, timedelta(minutes=1))
    assert {call.attempt_id for call in recent} == {
        sent.attempt_id,
        running.attempt_id,
        recovered.attempt_id,
    }
    assert all(0 <= call.age_seconds < 60 for call in recent)


def test_a_reading_that_overlaps_never_raises_the_balance(
    account: Account, account_store: AccountStore
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def read(balance: int, sent: int, arrived: int) -> int:
        after = [start + timedelta(seconds=s) for s in (sent, arrived)]
        account_store.read_credits(account.id, Reading(Money(balance), *after))
        known = account_store.get(account.id).credits
        assert known is not None
        return known.credits

    assert read(100, 0, 10) == 100
    assert read(120, 5, 11) == 100
    assert read(80, 5, 12) == 80
    assert read(500, 13, 14) == 500
