from collections import Counter
from uuid import UUID

from sqlalchemy import update

from db.engine import Database
from db.rows import Claim
from db.runs import RunStore
from db.tables import tenants
from db.tenants import TenantStore
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.conftest import Claimer, Submit, failed


def _tenant(database: Database, name: str, weight: int = 1) -> UUID:
    found = TenantStore(database).ensure(name)
    with database.write() as connection:
        connection.execute(update(tenants).where(tenants.c.id == found).values(weight=weight))
    return found


def _served(claim: Claimer, count: int) -> list[UUID]:
    return [claim().job.tenant_id for _ in range(count)]


def test_shares_follow_weights(database: Database, submit: Submit, claim: Claimer) -> None:
    light, heavy = _tenant(database, "light", 1), _tenant(database, "heavy", 3)
    for _ in range(40):
        submit(tenant_id=light)
        submit(tenant_id=heavy)
    assert Counter(_served(claim, 40)) == {light: 10, heavy: 30}


def test_a_newcomer_neither_waits_for_the_others_queue_nor_takes_every_turn(
    database: Database, submit: Submit, claim: Claimer
) -> None:
    old, new = _tenant(database, "old"), _tenant(database, "new")
    for _ in range(40):
        submit(tenant_id=old)
    _served(claim, 20)
    for _ in range(20):
        submit(tenant_id=new)
    served = _served(claim, 10)
    assert Counter(served) == {old: 5, new: 5}


def test_who_idled_has_saved_nothing_up(database: Database, submit: Submit, claim: Claimer) -> None:
    one, other = _tenant(database, "one"), _tenant(database, "other")
    submit(tenant_id=one)
    _served(claim, 1)
    for _ in range(20):
        submit(tenant_id=other)
    _served(claim, 10)
    for _ in range(10):
        submit(tenant_id=one)
    # It starts at the clock, half a turn ahead of the other: six to four, never ten to nothing.
    assert Counter(_served(claim, 10))[one] in {5, 6}


def test_priority_orders_one_tenants_own_work_only(
    database: Database, submit: Submit, claim: Claimer
) -> None:
    loud, quiet = _tenant(database, "loud"), _tenant(database, "quiet")
    low = submit(tenant_id=quiet, priority=Priority.LOW)
    for _ in range(10):
        submit(tenant_id=loud, priority=Priority.HIGH)
    first = [claim().job for _ in range(2)]
    assert low.id in {job.id for job in first}
    submit(tenant_id=quiet, priority=Priority.LOW)
    high = submit(tenant_id=quiet, priority=Priority.HIGH)
    quiets = [job for job in (claim().job for _ in range(4)) if job.tenant_id == quiet]
    assert quiets[0].id == high.id


def test_groups_take_turns_and_inside_one_the_oldest_goes_first(
    submit: Submit, claim: Claimer
) -> None:
    big = [submit(group="big").id for _ in range(6)]
    small = [submit(group="small").id for _ in range(2)]
    got = [claim().job.id for _ in range(8)]
    assert [job for job in got if job in big] == big
    assert [job for job in got if job in small] == small
    assert set(small) <= set(got[:4])


def test_a_turn_whose_call_never_left_is_given_back(
    database: Database, submit: Submit, claim: Claimer, runs: RunStore
) -> None:
    one, other = _tenant(database, "one"), _tenant(database, "other")
    for _ in range(8):
        submit(tenant_id=one)
        submit(tenant_id=other)
    refused = Failure(FailureKind.NOT_SENT, "refused")
    for _ in range(2):
        claimed: Claim = claim()
        while claimed.job.tenant_id != one:
            claimed = claim()
        runs.settle(failed(claimed, refused, Decision(State.FAILED, spends_attempt=False)))
    assert Counter(_served(claim, 6))[one] >= 3


def test_forgetting_settled_turns_changes_no_order(
    database: Database, submit: Submit, claim: Claimer, runs: RunStore
) -> None:
    one, other = _tenant(database, "one"), _tenant(database, "other")
    for _ in range(10):
        submit(tenant_id=one)
        submit(tenant_id=other)
    served = []
    for _ in range(12):
        served += _served(claim, 1)
        runs.forget_settled_turns()
    assert Counter(served) == {one: 6, other: 6}
