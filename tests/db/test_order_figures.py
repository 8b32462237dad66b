"""What the order of claims promises, in figures, on both databases."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from sqlalchemy import insert, update

from db.account_values import Account
from db.engine import Database
from db.hand_pauses import OPERATOR, HandPauses
from db.ids import new_id
from db.rows import Claim, Held, Terms
from db.runs import RunStore
from db.tables import jobs
from db.tenants import TenantStore
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import LEASE, PRICE, Submit, failed
from tests.db.rows_read import rows_read

NOT_SENT = Failure(FailureKind.NOT_SENT, "refused")


def _tenants(database: Database, *weights: int) -> list[UUID]:
    store = TenantStore(database)
    ids = []
    for n, weight in enumerate(weights):
        ids.append(store.ensure(f"tenant-{n}"))
        store.set_limits(f"tenant-{n}", {"weight": weight})
    return ids


def _add(database: Database, tenant: UUID, count: int) -> list[UUID]:
    row = {
        "tenant_id": tenant, "pool": "segmind", "model": "ssd-canny", "input": {"samples": 1},
        "state": "queued", "priority": 1, "group_name": "", "tags": [], "metadata": {},
        "max_attempts": 3, "estimate": PRICE, "created_at": datetime.now(UTC),
    }  # fmt: skip
    ids = [new_id() for _ in range(count)]
    with database.write() as connection:
        connection.execute(insert(jobs), [{**row, "id": one} for one in ids])
    return ids


def _claims(runs: RunStore, account: Account, count: int) -> list[Claim]:
    found = runs.claim("segmind", account.id, terms=Terms(LEASE), count=count)
    assert not isinstance(found, Held)
    return found


def _served(claims: Sequence[Claim]) -> Counter[UUID]:
    return Counter(claim.job.tenant_id for claim in claims)


def test_shares_are_as_the_weights_within_two_percent(
    database: Database, runs: RunStore, account: Account
) -> None:
    """Weights 1, 2 and 4 over 700 claims, in groups of several sizes."""
    tenants = _tenants(database, 1, 2, 4)
    for tenant in tenants:
        _add(database, tenant, 450)
    claims: list[Claim] = []
    sizes = [1, 7, 32, 3]
    while len(claims) < 700:
        claims += _claims(runs, account, min(sizes[len(claims) % 4], 700 - len(claims)))
    shares = _served(claims)
    for tenant, due in zip(tenants, (100, 200, 400), strict=True):
        assert abs(shares[tenant] - due) <= 0.02 * 700


def test_a_newcomer_gets_its_share_at_once_and_no_more(
    database: Database, runs: RunStore, account: Account
) -> None:
    old, new = _tenants(database, 1, 1)
    _add(database, old, 500)
    _claims(runs, account, 100)
    _claims(runs, account, 100)
    _add(database, new, 300)
    claims = _claims(runs, account, 40)
    assert _served(claims) == {old: 20, new: 20}
    assert _served(claims[:4])[new] == 2


def test_a_trickling_tenant_is_next_or_next_but_one(
    database: Database, runs: RunStore, account: Account
) -> None:
    big, small = _tenants(database, 1, 1)
    _add(database, big, 2_000)
    _claims(runs, account, 50)
    for pause in (1, 2, 5, 3, 20) * 4:
        for _ in range(pause):
            _claims(runs, account, 1)
        (wanted,) = _add(database, small, 1)
        next_two = [claim.job.id for claim in _claims(runs, account, 1) + _claims(runs, account, 1)]
        assert wanted in next_two


def test_who_cancels_most_of_its_queue_waits_for_none_of_it(
    database: Database, runs: RunStore, account: Account
) -> None:
    wild, calm = _tenants(database, 1, 1)
    ids = _add(database, wild, 2_000)
    _add(database, calm, 300)
    assert _served(_claims(runs, account, 20)) == {wild: 10, calm: 10}
    with database.write() as connection:
        canceled = update(jobs).where(jobs.c.id.in_(ids[10:1_810]), jobs.c.state == "queued")
        connection.execute(canceled.values(state="canceled"))
    claims = _claims(runs, account, 20)
    assert _served(claims) == {wild: 10, calm: 10}
    mine = [claim.job.id for claim in claims if claim.job.tenant_id == wild]
    assert mine == ids[1_810:1_820]


def test_a_call_that_never_left_costs_no_turn(
    database: Database, runs: RunStore, account: Account
) -> None:
    unlucky, lucky = _tenants(database, 1, 1)
    for tenant in (unlucky, lucky):
        _add(database, tenant, 120)
    paid: Counter[UUID] = Counter()
    for n in range(80):
        (one,) = _claims(runs, account, 1)
        if one.job.tenant_id == unlucky and n % 2:
            assert runs.settle(failed(one, NOT_SENT, Decision(State.FAILED, spends_attempt=False)))
        else:
            paid[one.job.tenant_id] += 1
    # One turn each at the most stands between them, whatever was refunded.
    assert abs(paid[unlucky] - paid[lucky]) <= 1


def test_who_was_left_out_for_long_comes_back_without_credit_and_without_debt(
    database: Database, runs: RunStore, account: Account
) -> None:
    capped, paused, steady = _tenants(database, 1, 1, 1)
    for tenant in (capped, paused, steady):
        _add(database, tenant, 300)
    _claims(runs, account, 9)
    store, pauses = TenantStore(database), HandPauses(database)
    pauses.pause(paused, None, OPERATOR, "")
    store.set_limits("tenant-0", {"max_running": 1})
    assert _served(_claims(runs, account, 60)) == {steady: 60}
    store.set_limits("tenant-0", {"max_running": None})
    assert pauses.resume(paused, None, OPERATOR)
    assert runs.forget_settled_turns()
    after = _claims(runs, account, 30)
    assert set(_served(after).values()) <= {9, 10, 11}
    assert len(_served(list(islice(after, 3)))) >= 2


def test_a_claim_reads_no_more_beside_much_that_waits(
    database_url: str, database: Database, account: Account, submit: Submit
) -> None:
    first, second = _tenants(database, 1, 1)
    line = Database(database_url, pool_size=1, overflow=0)
    runs = RunStore(line)

    def claim() -> None:
        assert len(_claims(runs, account, 1)) == 1

    try:
        for tenant in (first, second):
            _add(database, tenant, 10)
        rows_read(line, claim)
        few = min(rows_read(line, claim) for _ in range(3))
        _add(database, first, 5_000)
        many = min(rows_read(line, claim) for _ in range(3))
    finally:
        line.close()
    assert many < 2 * few + 100
