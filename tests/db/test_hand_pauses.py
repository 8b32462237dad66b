from collections import Counter
from uuid import UUID

import pytest

from db.account_values import Account
from db.engine import Database
from db.hand_pauses import OPERATOR, HandPauses, Who
from db.jobs import JobStore
from db.runs import RunStore
from db.tenant_waits import tenant_waits
from db.tenants import TenantStore
from jobs.errors import NotAllowed
from jobs.states import WaitingFor
from tests.db.conftest import Claimer, Submit, claim_one, succeeded

ALICE = Who("alice", is_admin=False)


def test_a_paused_tenant_waits_with_its_reason_and_goes_on_where_the_others_are(
    database: Database, tenant: UUID, submit: Submit, claim: Claimer, job_store: JobStore
) -> None:
    other = TenantStore(database).ensure("other")
    for _ in range(30):
        submit()
        submit(tenant_id=other)
    pauses = HandPauses(database)
    pauses.pause(tenant, None, OPERATOR, "too many complaints")
    assert Counter(claim().job.tenant_id for _ in range(12)) == {other: 12}
    assert job_store.waiting("segmind", 100) == 18
    waits = tenant_waits(database, tenant).of("")
    assert waits is not None
    assert waits.reason is WaitingFor.PAUSED
    assert waits.note == "tenant default is paused by operator: too many complaints"
    assert tenant_waits(database, other).of("") is None
    assert pauses.resume(tenant, None, OPERATOR)
    assert not pauses.resume(tenant, None, OPERATOR)
    # It has saved nothing up: six to four at the most, though it waited for twelve turns.
    assert Counter(claim().job.tenant_id for _ in range(10))[tenant] in {5, 6}


def test_a_paused_group_is_passed_over_at_each_priority(
    database: Database, tenant: UUID, submit: Submit, runs: RunStore, account: Account
) -> None:
    first, other = submit(group="nightly"), submit(group="shop")
    without = submit()
    HandPauses(database).pause(tenant, "nightly", ALICE, "")
    HandPauses(database).pause(tenant, "", ALICE, "")
    waits = tenant_waits(database, tenant)
    assert waits.of("shop") is None
    (told, whole) = (waits.of("nightly"), waits.of(""))
    assert told is not None
    assert whole is not None
    assert told.note == "group nightly is paused by alice"
    assert whole.note == "the group without a name is paused by alice"
    ids = [getattr(claim_one(runs, account.id), "job", None) for _ in range(2)]
    assert [job and job.id for job in ids] == [other.id, None]
    for group in ("nightly", ""):
        assert HandPauses(database).resume(tenant, group, ALICE)
    left = {getattr(claim_one(runs, account.id), "job").id for _ in range(2)}  # noqa: B009
    assert left == {first.id, without.id}


def test_what_runs_is_let_finish(
    database: Database, tenant: UUID, submit: Submit, claim: Claimer, runs: RunStore
) -> None:
    submit()
    claimed = claim()
    HandPauses(database).pause(tenant, None, OPERATOR, "")
    assert runs.settle(succeeded(claimed))


def test_an_admins_pause_is_an_admins_to_end(database: Database, tenant: UUID) -> None:
    pauses = HandPauses(database)
    first = pauses.pause(tenant, None, ALICE, "mine")
    assert pauses.pause(tenant, None, Who("bob", is_admin=False), "again") == first
    above = pauses.pause(tenant, None, OPERATOR, "not paid for")
    assert (above.by, above.note, above.by_admin) == ("operator", "not paid for", True)
    assert pauses.pause(tenant, None, ALICE, "mine") == above
    with pytest.raises(NotAllowed, match="ending a pause of operator needs a key with the scope"):
        pauses.resume(tenant, None, ALICE)
    assert [one.pause for one in pauses.all()] == [above]
    assert pauses.all(TenantStore(database).ensure("other")) == []
    assert pauses.resume(tenant, None, OPERATOR)


def test_a_cap_of_a_group_outlives_its_pause(database: Database, tenant: UUID) -> None:
    store, pauses = TenantStore(database), HandPauses(database)
    store.set_group_cap("default", "shop", 3)
    pauses.pause(tenant, "shop", ALICE, "")
    pauses.resume(tenant, "shop", ALICE)
    (group,) = store.groups(tenant)
    assert (group.name, group.max_running, group.pause) == ("shop", 3, None)
    store.set_group_cap("default", "shop", None)
    assert store.groups(tenant) == []


def test_a_paused_group_is_told_before_its_tenants_cap(
    database: Database, tenant: UUID, submit: Submit, claim: Claimer
) -> None:
    submit()
    claim()
    TenantStore(database).set_limits("default", {"max_running": 1})
    HandPauses(database).pause(tenant, "nightly", OPERATOR, "no paper")
    waits = tenant_waits(database, tenant)
    assert [one and one.reason for one in (waits.of("nightly"), waits.of("other"))] == [
        WaitingFor.PAUSED,
        WaitingFor.SLOT,
    ]
