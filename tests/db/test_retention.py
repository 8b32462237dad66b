"""What is let go of a job when its time has passed, what never is, and what stays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from db.artifacts import output_key
from db.audits import AuditStore
from db.budgets import BudgetStore
from db.engine import Database
from db.job_changes import JobChanges
from db.job_pages import JobPages
from db.job_removals import JobRemovals
from db.job_walks import JobFilter
from db.jobs import JobStore
from db.keeping import Keeping
from db.removals import Removal, Removals
from db.rows import Job
from db.runs import RunStore
from db.tables import attempts, job_tags, jobs, outputs, removals
from db.tenants import Limits, TenantStore
from jobs.budgets import Period
from jobs.errors import IllegalMove
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retention import FOR_EVER, Keeps, Removed
from jobs.retry import Decision
from jobs.states import State
from tests.db.ageing import pass_time, purge_rows
from tests.db.conftest import Claimer, Submit, failed, succeeded

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BROKEN = Failure(FailureKind.UPSTREAM_ERROR, "a prompt was: secret", 500)
ENDED = Decision(State.FAILED, spends_attempt=True)
DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)


def keep(database: Database, **limits: int | None) -> None:
    TenantStore(database).set_limits("default", Limits(**limits))  # type: ignore[typeddict-item]  # as they are named


def removed(database: Database, job: Job) -> Removed:
    with database.read() as connection:
        return Removed(
            connection.execute(select(jobs.c.removed).where(jobs.c.id == job.id)).scalar_one()
        )


Ended = Callable[..., Job]


@pytest.fixture
def ended(submit: Submit, claim: Claimer, runs: RunStore) -> Ended:
    """A job that has succeeded with an image, or has failed."""

    def one(*, fails: bool = False, **fields: Any) -> Job:
        job = submit(**fields)
        claimed = claim()
        assert claimed.job.id == job.id
        settlement = failed(claimed, BROKEN, ENDED) if fails else succeeded(claimed)
        artifact = output_key(job.tenant_id, job.id, claimed.number, 0)
        made = tuple(replace(one, artifact=artifact) for one in settlement.outputs)
        runs.settle(replace(settlement, outputs=made))
        return job

    return one


def test_images_go_first_and_then_all_but_what_it_came_to(
    database: Database, ended: Ended, job_store: JobStore, tenant: UUID
) -> None:
    keep(database, keep_outputs=30 * 86_400, keep_jobs=90 * 86_400)
    job = ended(tags=("a", "b"), metadata={"order": 7}, group="g")
    before = job_store.get(tenant, job.id)
    pass_time(database, 29 * DAY)
    assert purge_rows(database) == []
    aged = job_store.get(tenant, job.id)
    pass_time(database, DAY)
    purge_rows(database)
    first = job_store.get(tenant, job.id)
    assert first.outputs_removed_at is not None
    # Its images' rows are left, and everything else.
    assert first == replace(
        before, outputs_removed_at=first.outputs_removed_at, finished_at=first.finished_at
    )
    assert Removals(database).next(10) == [Removal(output_key(tenant, job.id, 1, 0), 100)]
    pass_time(database, 60 * DAY)
    purge_rows(database)
    second = job_store.get(tenant, job.id)
    assert second.data_removed_at is not None
    assert second == replace(
        first,
        input={},
        metadata={},
        tags=(),
        outputs=(),
        data_removed_at=second.data_removed_at,
        finished_at=second.finished_at,
    )
    assert (second.state, second.cost, second.group) == (State.SUCCEEDED, 50_000_000, "g")
    assert aged.created_at == second.created_at
    with database.read() as connection:
        for table in (outputs, job_tags):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
    assert len(Removals(database).next(10)) == 1
    # Whatever is done once more changes nothing.
    assert purge_rows(database) == []
    assert job_store.get(tenant, job.id) == second


def test_a_failed_job_has_no_images_and_keeps_its_data_until_that_has_had_its_time(
    database: Database, ended: Ended, job_store: JobStore, tenant: UUID
) -> None:
    keep(database, keep_outputs=3_600, keep_jobs=2 * 86_400)
    job = ended(fails=True)
    pass_time(database, DAY)
    purge_rows(database)
    found = job_store.get(tenant, job.id)
    assert (found.outputs_removed_at, found.data_removed_at) == (None, None)
    assert found.error is not None
    pass_time(database, DAY)
    purge_rows(database)
    found = job_store.get(tenant, job.id)
    assert (found.state, found.error, found.input) == (State.FAILED, None, {})
    with database.read() as connection:
        (call,) = connection.execute(select(attempts))
    # What it came to is known, in no words of anybody.
    assert (call.outcome, call.message, call.looked) == (FailureKind.UPSTREAM_ERROR, None, None)
    assert call.http_status is None or call.http_status == 500


@pytest.mark.parametrize(
    ("usual", "own", "goes"),
    [
        (FOR_EVER, {}, False),
        (Keeps(outputs=HOUR), {}, True),
        (Keeps(outputs=HOUR), {"keep_outputs": 0}, False),
        (Keeps(outputs=HOUR), {"keep_outputs": 86_400}, False),
        (FOR_EVER, {"keep_outputs": 3_600}, True),
        (Keeps(outputs=30 * DAY), {"keep_outputs": 3_600}, True),
        (Keeps(jobs=2 * DAY), {"keep_outputs": 0}, False),
        (Keeps(outputs=HOUR), {"keep_jobs": 0}, True),
    ],
)
def test_a_tenants_own_times_go_before_those_of_the_environment(
    database: Database, ended: Ended, usual: Keeps, own: dict[str, int], goes: bool
) -> None:
    job = ended()
    if own:
        keep(database, **own)
    pass_time(database, 2 * HOUR)
    purge_rows(database, usual)
    assert removed(database, job) is (Removed.IMAGES if goes else Removed.NOTHING)


def test_another_time_holds_for_what_has_ended_already_and_default_takes_it_back(
    database: Database, ended: Ended, tenant: UUID
) -> None:
    job = ended()
    keeping = Keeping(database, FOR_EVER)
    pass_time(database, 10 * DAY)
    assert keeping.due() == []
    keep(database, keep_outputs=11 * 86_400)
    assert keeping.of(tenant) == Keeps(outputs=11 * DAY)
    assert keeping.due() == []
    keep(database, keep_outputs=None)
    assert keeping.of(tenant) == FOR_EVER
    keep(database, keep_outputs=9 * 86_400)
    purge_rows(database)
    assert removed(database, job) is Removed.IMAGES


# What must never go, however long ago it was. Each gives a job whose times have long passed.


def _waits(submit: Submit, **_: Any) -> Job:
    return submit()


def _runs(submit: Submit, claim: Claimer, **_: Any) -> Job:
    job = submit()
    claim()
    return job


def _in_doubt(submit: Submit, claim: Claimer, runs: RunStore, **_: Any) -> Job:
    job = submit()
    runs.settle(failed(claim(), BROKEN, DOUBT))
    return job


def _to_be_tried_again(submit: Submit, claim: Claimer, runs: RunStore, **_: Any) -> Job:
    job = submit()
    again = Decision(State.SCHEDULED, spends_attempt=True, run_at=datetime.now(UTC) + DAY)
    runs.settle(failed(claim(), BROKEN, again))
    return job


def _retried(ended: Ended, changes: JobChanges, tenant: UUID, **_: Any) -> Job:
    job = ended(fails=True)
    changes.retry(tenant, job.id)
    return job


def _just_ended(ended: Ended, **_: Any) -> Job:
    return ended()


LIVE = (_waits, _runs, _in_doubt, _to_be_tried_again, _retried, _just_ended)


@pytest.mark.parametrize("make", LIVE, ids=lambda make: make.__name__)
def test_what_is_not_over_is_left_alone(
    make: Callable[..., Job],
    database: Database,
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    ended: Ended,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    keep(database, keep_outputs=3_600, keep_jobs=2 * 86_400)
    changes = JobChanges(database)
    other = ended()
    job = make(submit=submit, claim=claim, runs=runs, ended=ended, changes=changes, tenant=tenant)
    before = job_store.get(tenant, job.id)
    if make is not _just_ended:
        pass_time(database, 100 * DAY)
    # Times of a job that is not over count for nothing.
    with database.write() as connection:
        long_ago = datetime.now(UTC) - 100 * DAY
        connection.execute(update(jobs).values(created_at=long_ago))
    purge_rows(database)
    found = job_store.get(tenant, job.id)
    assert replace(found, created_at=before.created_at) == before
    assert removed(database, job) is Removed.NOTHING
    if make is not _just_ended:
        assert removed(database, other) is Removed.ALL


@pytest.mark.parametrize(
    ("values", "stage"),
    [
        # A call that has no end yet may bring an image, and the history may be asked about it.
        ({"finished_at": None}, Removed.NOTHING),
        # What a call cost is only believed: the history is compared with the job's input.
        ({"next_look_at": datetime(2030, 1, 1, tzinfo=UTC)}, Removed.IMAGES),
        ({}, Removed.ALL),
    ],
)
def test_what_an_earlier_call_may_still_need_is_left(
    database: Database, ended: Ended, values: dict[str, Any], stage: Removed
) -> None:
    keep(database, keep_outputs=3_600, keep_jobs=2 * 86_400)
    job = ended()
    with database.write() as connection:
        connection.execute(update(attempts).values(values) if values else select(1))
    pass_time(database, 100 * DAY)
    purge_rows(database)
    assert removed(database, job) is stage


def test_money_is_counted_as_before(
    database: Database, ended: Ended, tenant: UUID, submit: Submit, claim: Claimer, runs: RunStore
) -> None:
    keep(database, keep_outputs=3_600, keep_jobs=2 * 86_400)
    budgets = BudgetStore(database)
    for period in (Period.TOTAL, Period.DAY):
        budgets.set(tenant, Money(10**10), period)
    for n in range(5):
        ended(fails=n % 2 == 0)
    submit()
    runs.settle(failed(claim(), BROKEN, DOUBT))
    figures = select(
        *(attempts.c[name] for name in attempts.c.keys() if name not in {"message", "looked"})  # noqa: SIM118  # columns, no dict
    ).order_by(attempts.c.id)
    with database.read() as connection:
        before = connection.execute(figures).all()
        costs = connection.execute(select(jobs.c.id, jobs.c.cost).order_by(jobs.c.id)).all()
    held = budgets.of_tenant(tenant)
    pass_time(database, 100 * DAY)
    purge_rows(database)
    with database.read() as connection:
        assert connection.execute(figures).all() == before
        assert connection.execute(select(jobs.c.id, jobs.c.cost).order_by(jobs.c.id)).all() == costs
        assert connection.scalar(select(func.count()).where(jobs.c.removed == Removed.ALL)) == 5
    assert budgets.check() == []
    assert budgets.of_tenant(tenant) == held


def test_a_removed_job_is_listed_counted_and_not_run_again(
    database: Database, ended: Ended, job_store: JobStore, tenant: UUID
) -> None:
    keep(database, keep_outputs=3_600, keep_jobs=2 * 86_400)
    gone, image_gone = ended(fails=True, tags=("t",)), ended()
    pages, changes = JobPages(database), JobChanges(database)
    pass_time(database, DAY)
    purge_rows(database)
    with pytest.raises(IllegalMove, match="has had its images, which have been removed"):
        changes.retry(tenant, image_gone.id)
    pass_time(database, DAY)
    purge_rows(database)
    for job in (gone, image_gone):
        with pytest.raises(IllegalMove, match="data has been removed"):
            changes.retry(tenant, job.id)
    listed = pages.page(tenant, JobFilter(), limit=10).jobs
    assert {one.id for one in listed} == {gone.id, image_gone.id}
    assert all(one.data_removed_at for one in listed)
    assert pages.page(tenant, JobFilter(tags=("t",)), limit=10).jobs == ()
    assert pages.counts(tenant)[State.FAILED] == 1
    # Nobody looks for what they were.
    assert list(AuditStore(database).jobs_of("ssd-canny", datetime.now(UTC))) == []


def test_a_job_that_is_retried_in_time_begins_a_new_life(
    database: Database,
    ended: Ended,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    keep(database, keep_outputs=3_600, keep_jobs=2 * 86_400)
    job = ended(fails=True)
    pass_time(database, DAY)
    purge_rows(database)
    assert removed(database, job) is Removed.IMAGES
    JobChanges(database).retry(tenant, job.id)
    assert runs.settle(succeeded(claim()))
    pass_time(database, DAY / 2)
    assert removed(database, job) is Removed.NOTHING
    purge_rows(database)
    assert job_store.get(tenant, job.id).outputs_removed_at is not None
    assert Removals(database).next(10)


def test_images_that_no_job_has_are_removed_with_their_jobs(
    database: Database, ended: Ended, runs: RunStore, submit: Submit, claim: Claimer, tenant: UUID
) -> None:
    """A worker that came too late, or died before it had removed what nobody wants."""
    keep(database, keep_outputs=3_600)
    job = submit(input={"prompt": "a", "seed": -1, "samples": 2})
    lost = claim()
    runs.settle(failed(lost, BROKEN, DOUBT))
    runs.settle(failed(lost, BROKEN, ENDED, request_id="r"))
    ended(fails=True)  # answered, and never brought any
    pass_time(database, DAY)
    purge_rows(database)
    place = f"outputs/{tenant}/{job.id.hex[-2:]}/{job.id}-1-"
    mark = "454349e422f05297"  # the hash of its request
    assert [one.artifact for one in Removals(database).next(10)] == [
        f"{place}0",
        f"{place}0-{mark}",
        f"{place}1",
        f"{place}1-{mark}",
    ]


def test_a_chunk_is_as_large_as_it_may_be_and_the_oldest_go_first(
    database: Database, ended: Ended, tenant: UUID
) -> None:
    made = [ended() for _ in range(5)]
    removals_ = JobRemovals(database)
    by = datetime.now(UTC)
    assert removals_.remove_images(tenant, by, 2) == 2
    assert [removed(database, one) for one in made] == [1, 1, 0, 0, 0]
    # Only of what is let go already, and only what had ended by then.
    assert removals_.remove_data(tenant, by, 10) == 2
    assert removals_.remove_images(tenant, by - DAY, 10) == 0
    assert [removed(database, one) for one in made] == [2, 2, 0, 0, 0]
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(removals)) == 2
