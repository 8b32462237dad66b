from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from db.account_values import Account
from db.doubts import DoubtStore
from db.engine import Database
from db.job_changes import JobChange, JobChanges
from db.jobs import JobStore
from db.rows import Claim, Moved
from db.runs import RunStore
from db.tables import job_tags
from db.tenants import TenantStore
from jobs.doubts import OnDoubt
from jobs.errors import IllegalMove, NotFound
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.conftest import Claimer, Submit, claim_one, failed, succeeded

BROKEN = Failure(FailureKind.UPSTREAM_ERROR, "internal", 500)
ENDED = Decision(State.FAILED, spends_attempt=True)
DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)
LIMITED = Failure(FailureKind.RATE_LIMITED, "slow down")
BACK = Decision(State.QUEUED, spends_attempt=False)


@pytest.fixture
def changes(database: Database) -> JobChanges:
    return JobChanges(database)


def anything(*_: object) -> None:
    """A check that lets everything through."""


def tags_of(database: Database, job_id: UUID) -> set[str]:
    with database.read() as connection:
        return set(
            connection.scalars(select(job_tags.c.tag).where(job_tags.c.job_id == job_id)).all()
        )


def test_another_tenant_changes_nothing(
    database: Database, submit: Submit, changes: JobChanges
) -> None:
    stranger = TenantStore(database).ensure("stranger")
    job = submit()
    with pytest.raises(NotFound):
        changes.change(stranger, job.id, {"group": "mine"}, anything)
    for verb in (changes.cancel, changes.retry):
        with pytest.raises(NotFound):
            verb(stranger, job.id)


def test_what_is_changed_is_changed_and_the_rest_stays(
    submit: Submit, changes: JobChanges, job_store: JobStore, tenant: UUID, database: Database
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    job = submit(tags=("a", "b", "a"), group="g", start_by=later)
    assert tags_of(database, job.id) == {"a", "b"}
    changed = changes.change(
        tenant, job.id, {"priority": Priority.HIGH, "finish_by": later}, anything
    )
    assert (changed.priority, changed.finish_by) == (Priority.HIGH, later)
    assert (changed.group, changed.tags, changed.start_by) == ("g", ("a", "b", "a"), later)
    assert job_store.get(tenant, job.id) == changed
    changed = changes.change(
        tenant, job.id, {"tags": ("c",), "group": "", "start_by": None}, anything
    )
    assert (changed.tags, changed.group, changed.start_by) == (("c",), "", None)
    assert tags_of(database, job.id) == {"c"}
    assert changes.change(tenant, job.id, {}, anything) == changed


def test_a_change_that_is_refused_leaves_all_as_it_was(
    submit: Submit, changes: JobChanges, job_store: JobStore, tenant: UUID
) -> None:
    job = submit()

    def refuse(*_: object) -> None:
        raise ValueError("does not fit")

    with pytest.raises(ValueError, match="does not fit"):
        changes.change(tenant, job.id, {}, refuse)
    assert job_store.get(tenant, job.id) == job


def test_a_changed_priority_holds_for_the_next_claim(
    submit: Submit, changes: JobChanges, claim: Claimer, tenant: UUID
) -> None:
    submit()
    second = submit()
    changes.change(tenant, second.id, {"priority": Priority.HIGH}, anything)
    assert claim().job.id == second.id


def test_only_what_waits_is_changed(
    submit: Submit,
    changes: JobChanges,
    claim: Claimer,
    runs: RunStore,
    tenant: UUID,
    job_store: JobStore,
) -> None:
    job = submit()
    claimed = claim()
    with pytest.raises(IllegalMove, match=r"the job is running: only one that waits"):
        changes.change(tenant, job.id, {"group": "g"}, anything)
    runs.settle(failed(claimed, LIMITED, DOUBT))
    with pytest.raises(IllegalMove, match=r"in_doubt: only on_doubt and doubt_deadline of it"):
        changes.change(tenant, job.id, {"group": "g"}, anything)
    assert changes.change(tenant, job.id, {}, anything) == job_store.get(tenant, job.id)
    runs.settle(succeeded(claimed))
    with pytest.raises(IllegalMove, match=r"already ended as succeeded"):
        changes.change(tenant, job.id, {}, anything)


def test_a_change_that_races_a_claim_holds_for_it_or_is_refused(
    submit: Submit, changes: JobChanges, runs: RunStore, account: Account, tenant: UUID
) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(30):
            job = submit()
            claiming = pool.submit(claim_one, runs, account.id)
            changing = pool.submit(changes.change, tenant, job.id, {"group": "new"}, anything)
            error = changing.exception()
            claimed = claiming.result()
            if claimed is None:  # the changed row was locked at that moment
                claimed = claim_one(runs, account.id)
            assert isinstance(claimed, Claim)
            assert claimed.job.id == job.id
            assert isinstance(error, IllegalMove) == (claimed.job.group == "")
            runs.settle(succeeded(claimed))


def test_a_waiting_job_is_canceled_at_once_and_twice_alike(
    submit: Submit, changes: JobChanges, tenant: UUID, runs: RunStore, account: Account
) -> None:
    for job in (submit(), submit(run_at=datetime.now(UTC) + timedelta(hours=1))):
        canceled = changes.cancel(tenant, job.id)
        assert canceled.state is State.CANCELED
        assert changes.cancel(tenant, job.id) == canceled
    assert runs.next_price("segmind", account.id) is None


def test_a_running_job_is_canceled_when_its_call_has_ended(
    submit: Submit, changes: JobChanges, tenant: UUID, claim: Claimer, runs: RunStore
) -> None:
    job = submit()
    claimed = claim()
    asked = changes.cancel(tenant, job.id)
    assert asked.state is State.RUNNING
    assert asked.cancel_requested_at is not None
    assert changes.cancel(tenant, job.id) == asked
    assert runs.settle(succeeded(claimed))
    found = changes.cancel(tenant, job.id)
    assert found.state is State.CANCELED
    assert found.cost == 50_000_000
    assert len(found.outputs) == 1


def test_a_cancel_in_doubt_is_kept_and_an_image_that_turns_up_too(
    submit: Submit,
    changes: JobChanges,
    tenant: UUID,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
) -> None:
    job = submit()
    claimed = claim()
    runs.settle(failed(claimed, LIMITED, DOUBT))
    asked = changes.cancel(tenant, job.id)
    assert asked.state is State.IN_DOUBT
    assert asked.cancel_requested_at is not None
    assert changes.cancel(tenant, job.id) == asked
    assert runs.settle(succeeded(claimed))
    found = job_store.get(tenant, job.id)
    assert (found.state, found.cost, len(found.outputs)) == (State.SUCCEEDED, 50_000_000, 1)


def test_the_latest_wish_for_an_image_counts_while_the_call_is_under_way(
    submit: Submit, changes: JobChanges, tenant: UUID, claim: Claimer, runs: RunStore
) -> None:
    job = submit()
    claimed = claim()
    wishes = [
        changes.cancel(tenant, job.id, drops=drops).cancel_drops
        for drops in (None, True, None, False, True)
    ]
    assert wishes == [False, True, True, False, True]
    assert runs.settle(succeeded(claimed)) is Moved.WITHOUT_IMAGES
    found = changes.cancel(tenant, job.id, drops=False)
    assert (found.state, found.cost, found.outputs) == (State.CANCELED, 50_000_000, ())
    # A new try is a new wish.
    assert changes.retry(tenant, job.id).cancel_drops is False
    assert changes.cancel(tenant, job.id, drops=True).cancel_drops is False


def test_how_its_doubt_ends_can_be_changed_of_one_in_doubt(
    submit: Submit,
    changes: JobChanges,
    tenant: UUID,
    claim: Claimer,
    runs: RunStore,
    database: Database,
) -> None:
    job = submit()
    claimed = claim()
    runs.settle(failed(claimed, LIMITED, DOUBT))
    DoubtStore(database).look_again([claimed.attempt_id], timedelta(hours=1), "nothing there")
    deadline = datetime.now(UTC) + timedelta(hours=2)
    wanted: JobChange = {"on_doubt": OnDoubt.FAIL, "doubt_deadline": deadline}
    found = changes.change(tenant, job.id, wanted, anything)
    assert (found.on_doubt, found.doubt_deadline) == (OnDoubt.FAIL, deadline)
    assert found.doubt is not None
    assert found.doubt.looked == "nothing there"
    (due,) = DoubtStore(database).take_due(claimed.account_id, 9, timedelta(0))[1]
    assert due.job.on_doubt is OnDoubt.FAIL


def test_what_has_ended_cannot_be_canceled(
    submit: Submit, changes: JobChanges, tenant: UUID, claim: Claimer, runs: RunStore
) -> None:
    job = submit()
    runs.settle(succeeded(claim()))
    with pytest.raises(IllegalMove, match="already ended as succeeded"):
        changes.cancel(tenant, job.id)


def test_a_cancel_that_races_a_settle_is_never_lost(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
    changes: JobChanges,
    tenant: UUID,
) -> None:
    """Whichever comes first: afterwards the job is canceled, not back in the queue."""
    with ThreadPoolExecutor(2) as pool:
        for _ in range(30):
            job = submit()
            settling = pool.submit(runs.settle, failed(claim(), LIMITED, BACK))
            canceling = pool.submit(changes.cancel, tenant, job.id)
            settling.result()
            canceling.result()
            assert job_store.get(tenant, job.id).state is State.CANCELED
