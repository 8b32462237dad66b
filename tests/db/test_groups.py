"""Many jobs in one commit: the same as one after the other, and none the worse for another."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from db.jobs import JobStore
from db.rows import Claim, Held, Job, Moved, NewJob, Terms
from db.runs import RunStore
from db.tables import attempts, jobs
from db.tenants import TenantStore
from jobs.account_pauses import PauseReason
from jobs.credits import Reading
from jobs.errors import Unavailable
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.conftest import LEASE, PRICE, Submit, failed, succeeded

NOT_SENT = Failure(FailureKind.NOT_SENT, "refused")
FREE = Decision(State.SCHEDULED, spends_attempt=False)


def _claim(runs: RunStore, account: Account, count: int, pool: str = "segmind") -> list[Claim]:
    found = runs.claim(pool, account.id, terms=Terms(LEASE), count=count)
    assert not isinstance(found, Held)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_group_is_claimed_in_the_order_of_single_claims(
    database: Database, account_store: AccountStore, runs: RunStore, seed: int
) -> None:
    """The same jobs of the same tenants in two pools: one claimed singly, one in groups."""
    chance = random.Random(seed)
    tenants = [chance.randint(1, 3) for _ in range(3)]
    wanted = [
        (
            chance.randrange(3),
            chance.choice(list(Priority)),
            chance.choice(["", "a", "b"]),
            Money(chance.choice([1, 7, 60])),
        )
        for _ in range(60)
    ]
    orders = []
    for pool, sizes in (("one", [1]), ("many", [5, 1, 17, 2, 100])):
        account = account_store.ensure(pool, pool, call_limit=60, window_seconds=60)
        ids = _tenants(database, pool, tenants)
        store = JobStore(database)
        number: dict[UUID, int] = {}
        for n, (tenant, priority, group, price) in enumerate(wanted):
            new = NewJob(
                ids[tenant], pool, "ssd-canny", {"seed": 1}, price, priority=priority, group=group
            )
            number[store.add(new).id] = n
        order: list[int] = []
        for size in _again(sizes):
            found = _claim(runs, account, size, pool)
            order += [number[claim.job.id] for claim in found]
            if not found:
                break
        orders.append(order)
    assert len(orders[0]) == len(wanted)
    assert orders[1] == orders[0]


def _tenants(database: Database, pool: str, weights: list[int]) -> list[UUID]:
    store = TenantStore(database)
    ids = [store.ensure(f"{pool}-{n}") for n in range(len(weights))]
    from db.tables import tenants

    with database.write() as connection:
        for tenant, weight in zip(ids, weights, strict=True):
            connection.execute(tenants.update().where(tenants.c.id == tenant).values(weight=weight))
    return ids


def _again(sizes: list[int]) -> Iterator[int]:
    while True:
        yield from sizes


def test_a_balance_lets_as_many_go_as_it_pays_for_and_then_pauses(
    submit: Submit, runs: RunStore, account: Account, account_store: AccountStore
) -> None:
    for _ in range(5):
        submit()
    now = account_store.get(account.id)
    at = datetime.now(UTC)
    account_store.read_credits(now.id, Reading(Money(3 * PRICE + PRICE // 2), at, at))
    assert len(_claim(runs, account, 5)) == 3
    held = runs.claim("segmind", account.id, terms=Terms(LEASE), count=5)
    assert isinstance(held, Held)
    assert (held.pause.reason, held.new) == (PauseReason.CREDITS, True)
    assert account_store.committed(account.id) == 3 * PRICE


def test_groups_of_several_claimers_overlap_nowhere(
    submit: Submit, runs: RunStore, account: Account, database: Database
) -> None:
    expected = {submit(group=f"g{n % 3}").id for n in range(90)}

    def all_of_them(size: int) -> list[UUID]:
        got: list[UUID] = []
        for _ in range(200):
            found = _claim(runs, account, size)
            got += [claim.job.id for claim in found]
            if not found and not runs.next_price("segmind", account.id):
                return got
        return got

    with ThreadPoolExecutor(4) as threads:
        got = [job for part in threads.map(all_of_them, (3, 5, 11, 40)) for job in part]
    assert sorted(got) == sorted(expected)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(attempts)) == 90


def test_a_group_is_settled_as_each_would_be(
    submit: Submit, runs: RunStore, account: Account, database: Database, job_store: JobStore
) -> None:
    ids = [submit().id for _ in range(5)]
    good, unsent, lost, stale, doubtful = _claim(runs, account, 5)
    doubt = Failure(FailureKind.WORKER_LOST, "its worker was lost")
    in_doubt = Decision(State.IN_DOUBT, spends_attempt=True)
    assert runs.settle(failed(doubtful, doubt, in_doubt))
    assert runs.settle(succeeded(stale))
    moved = runs.settle_many(
        [
            succeeded(good),
            failed(unsent, NOT_SENT, FREE),
            failed(lost, doubt, in_doubt),
            succeeded(stale),
            succeeded(doubtful),
        ]
    )
    assert moved == [Moved.YES, Moved.YES, Moved.YES, Moved.NO, Moved.YES]
    found = _jobs(database)
    assert [found[job].state for job in ids] == [
        State.SUCCEEDED,
        State.SCHEDULED,
        State.IN_DOUBT,
        State.SUCCEEDED,
        State.SUCCEEDED,
    ]
    assert [found[job].attempts for job in ids] == [1, 0, 1, 1, 1]
    assert [found[job].cost for job in ids] == [50_000_000, 0, 0, 50_000_000, 50_000_000]


def test_one_that_cannot_be_settled_so_is_settled_alone(
    submit: Submit, runs: RunStore, account: Account, database: Database
) -> None:
    """The provider gave one request id twice; and one brings what no row can hold."""
    for _ in range(4):
        submit()
    one, two, three, broken = _claim(runs, account, 4)
    with capture_logs() as told:
        results = runs.settle_many(
            [
                replace(succeeded(one), request_id="same"),
                replace(succeeded(two), request_id="same"),
                succeeded(three),
                replace(succeeded(broken), generation_seconds="much"),  # type: ignore[arg-type]
            ]
        )
    assert {"settled_apart", "request_id_repeated"} <= {entry["event"] for entry in told}
    if isinstance(results[3], Exception):  # PostgreSQL; SQLite holds anything
        assert _jobs(database)[broken.job.id].state == State.RUNNING
    assert results[:3] == [Moved.YES] * 3
    found = _jobs(database)
    for claim in (one, two, three):
        assert (found[claim.job.id].state, found[claim.job.id].cost) == ("succeeded", 50_000_000)


def test_the_same_attempt_twice_in_a_group_is_booked_once(
    submit: Submit, runs: RunStore, account: Account, database: Database
) -> None:
    job: Job = submit()
    (claim,) = _claim(runs, account, 1)
    assert runs.settle_many([succeeded(claim), succeeded(claim)]) == [Moved.YES, Moved.NO]
    assert _jobs(database)[job.id].cost == 50_000_000


def test_sql_away_is_everybodys(submit: Submit, runs: RunStore, account: Account) -> None:
    for _ in range(2):
        submit()
    settlements = [succeeded(claim) for claim in _claim(runs, account, 2)]
    nowhere = RunStore(Database("postgresql://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(Unavailable):
        nowhere.settle_many(settlements)
    assert runs.settle_many(settlements) == [Moved.YES] * 2


def _jobs(database: Database) -> dict[UUID, Any]:
    with database.read() as connection:
        return {row.id: row for row in connection.execute(select(jobs))}
