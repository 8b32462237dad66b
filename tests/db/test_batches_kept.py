"""How long batches keep what, and what their lines and retries do where something has gone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from db.account_values import Account
from db.artifacts import output_key
from db.batch_intake import BatchIntake
from db.batch_removals import end_own_times
from db.batch_results import BatchResults
from db.batch_rows import Batch, Line, NewBatch, Rejection
from db.batch_sweeps import BatchSweeps
from db.batch_upkeep import BatchUpkeep
from db.batch_views import BatchViews
from db.batches import BatchStore
from db.engine import Database
from db.inputs import InputStore
from db.job_changes import JobChanges
from db.keeping import Keeping
from db.rows import Input, Job, NewJob, Terms
from db.runs import RunStore
from db.tables import batches, jobs
from db.tenants import Limits, TenantStore
from db.upload_removals import remove_uploads
from jobs.catalog.inputs import INPUT_SCHEME
from jobs.errors import FieldProblem, IllegalMove
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retention import FOR_EVER, Keeps, Removed
from jobs.retry import Decision
from jobs.states import State
from tests.db.ageing import pass_time, purge_rows
from tests.db.conftest import LEASE, failed, succeeded

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WRONG = Rejection(9, "wrong", (FieldProblem("input.seed", "must be a number", "seven"),))
FAILS = Decision(State.FAILED, spends_attempt=True)
BROKE = Failure(FailureKind.UPSTREAM_ERROR, "it broke")
Filled = Callable[..., Batch]


def line_of(batch: Batch, name: str, number: int = 1, **values: object) -> Line:
    new = NewJob(
        batch.tenant_id,
        "segmind",
        "ssd-canny",
        {"prompt": name, **values},
        Money(10),
        group=batch.group,
        batch_id=batch.id,
        custom_id=name,
    )
    return Line(number, name, new, name.ljust(16).encode())


def keep(database: Database, **limits: int | None) -> None:
    TenantStore(database).set_limits("default", Limits(**limits))  # type: ignore[typeddict-item]  # as they are named


def jobs_of(database: Database, batch: Batch) -> list[Job]:
    return [one.job for one in BatchResults(database).in_order(batch.id, 100).results]


def removed(database: Database, batch: Batch) -> list[int]:
    """As the rows say it, also of those that never had an image."""
    rows = select(jobs.c.removed).where(jobs.c.batch_id == batch.id).order_by(jobs.c.id)
    with database.read() as connection:
        return list(connection.scalars(rows))


@pytest.fixture
def filled(database: Database, tenant: UUID, runs: RunStore, account: Account) -> Filled:
    """A batch that is finished: its first job has succeeded with an image, its second has failed."""

    def one(keeps: Keeps = FOR_EVER) -> Batch:
        new = NewBatch(tenant, "segmind", "one", {"input": {"size": 1}}, metadata={"a": 1})
        batch = BatchStore(database).add(replace(new, keeps=keeps))
        lines = [line_of(batch, "good", 1), line_of(batch, "bad", 2)]
        BatchIntake(database).take(tenant, batch.id, lines, [WRONG])
        BatchStore(database).close(tenant, batch.id)
        claims = runs.claim("segmind", account.id, terms=Terms(LEASE), count=2)
        assert isinstance(claims, list)
        for claimed in claims:
            if claimed.job.custom_id == "bad":
                runs.settle(failed(claimed, BROKE, FAILS))
                continue
            settlement = succeeded(claimed)
            place = output_key(tenant, claimed.job.id, claimed.number, 0)
            made = tuple(replace(each, artifact=place) for each in settlement.outputs)
            runs.settle(replace(settlement, outputs=made))
        BatchUpkeep(database).tend(100, [batch.id])
        found, _ = BatchStore(database).get(tenant, batch.id)
        assert found.finished_at is not None
        return found

    return one


def test_its_own_times_hold_for_its_jobs_alone(database: Database, filled: Filled) -> None:
    short = filled(Keeps(outputs=2 * HOUR))
    other = filled()
    assert Keeping(database, FOR_EVER).of(short.tenant_id, short.id).images == 2 * HOUR
    pass_time(database, HOUR)
    assert purge_rows(database) == []
    pass_time(database, HOUR)
    purge_rows(database)
    assert removed(database, short) == [Removed.IMAGES, Removed.IMAGES]
    assert removed(database, other) == [Removed.NOTHING, Removed.NOTHING]
    # Nothing that they say is left to do.
    assert Keeping(database, FOR_EVER).due() == []
    # Its data is kept for ever, and so is what the batch says.
    pass_time(database, 4_000 * DAY)
    assert purge_rows(database) == []
    assert BatchStore(database).get(short.tenant_id, short.id)[0].defaults == short.defaults


def test_they_are_never_longer_than_its_tenants(database: Database, filled: Filled) -> None:
    keep(database, keep_outputs=3_600)
    batch = filled(Keeps(outputs=30 * DAY, jobs=90 * DAY))
    assert Keeping(database, FOR_EVER).of(batch.tenant_id, batch.id).images == HOUR
    pass_time(database, HOUR)
    purge_rows(database)
    assert removed(database, batch) == [Removed.IMAGES, Removed.IMAGES]
    pass_time(database, 90 * DAY)
    purge_rows(database)
    assert removed(database, batch) == [Removed.ALL, Removed.ALL]


@pytest.mark.parametrize("whose", ["batch", "tenant"])
def test_what_it_gave_its_lines_goes_with_their_data(
    database: Database, filled: Filled, whose: str
) -> None:
    batch = filled(Keeps(jobs=2 * DAY) if whose == "batch" else FOR_EVER)
    if whose == "tenant":
        keep(database, keep_jobs=2 * 86_400)
    views = BatchViews(database)
    pass_time(database, 2 * DAY - HOUR)
    purge_rows(database)
    assert removed(database, batch) == [Removed.NOTHING, Removed.NOTHING]
    pass_time(database, HOUR)
    purge_rows(database)
    found = views.see(batch.tenant_id, batch.id)
    assert (found.batch.defaults, found.batch.metadata, found.rejected) == ({}, {}, 0)
    assert found.batch.data_removed_at is not None
    assert list(views.rejections(batch.id)) == []
    # What it came to stays, and which line came to what.
    assert (found.batch.name, found.batch.jobs) == ("one", 2)
    assert found.counts.of(State.SUCCEEDED).jobs == found.counts.of(State.FAILED).jobs == 1
    left = jobs_of(database, batch)
    assert [(job.custom_id, job.state) for job in left] == [
        ("good", State.SUCCEEDED),
        ("bad", State.FAILED),
    ]
    assert [(job.input, job.error) for job in left] == [({}, None), ({}, None)]
    ended = BatchResults(database).as_they_ended(batch.id, 10)
    assert {one.job.custom_id for one in ended.results} == {"good", "bad"}
    assert purge_rows(database) == []
    assert Keeping(database, FOR_EVER).due() == []


def test_one_that_goes_on_keeps_what_it_gives_its_lines(database: Database, tenant: UUID) -> None:
    keep(database, keep_jobs=2 * 86_400)
    batch = BatchStore(database).add(NewBatch(tenant, "segmind", "one", {"input": {"size": 1}}))
    BatchIntake(database).take(tenant, batch.id, [], [WRONG])
    pass_time(database, 90 * DAY)
    assert purge_rows(database) == []
    found = BatchViews(database).see(tenant, batch.id)
    assert (found.batch.defaults, found.rejected) == (batch.defaults, 1)


def test_a_retry_leaves_out_what_nothing_is_left_of(database: Database, filled: Filled) -> None:
    batch = filled(Keeps(jobs=2 * DAY))
    failed_one = next(job for job in jobs_of(database, batch) if job.state is State.FAILED)
    pass_time(database, 3 * DAY)
    purge_rows(database)
    sweeps = BatchSweeps(database)
    sweeps.retry(batch.tenant_id, batch.id, [State.FAILED])
    assert sweeps.go_on(batch.id).changed == 0
    with pytest.raises(IllegalMove, match="data has been removed"):
        JobChanges(database).retry(batch.tenant_id, failed_one.id)


@pytest.mark.parametrize("all_of_it", [True, False])
def test_its_times_hold_again_for_what_is_tried_once_more(
    database: Database, filled: Filled, runs: RunStore, account: Account, *, all_of_it: bool
) -> None:
    batch = filled(Keeps(outputs=HOUR))
    pass_time(database, HOUR)
    purge_rows(database)
    if all_of_it:
        BatchSweeps(database).retry(batch.tenant_id, batch.id, [State.FAILED])
        assert BatchSweeps(database).go_on(batch.id).changed == 1
    else:
        bad = next(job for job in jobs_of(database, batch) if job.state is State.FAILED)
        JobChanges(database).retry(batch.tenant_id, bad.id)
    claims = runs.claim("segmind", account.id, terms=Terms(LEASE), count=1)
    assert isinstance(claims, list)
    assert claims[0].job.removed is Removed.NOTHING
    runs.settle(succeeded(claims[0]))
    BatchUpkeep(database).tend(100, [batch.id])
    assert removed(database, batch) == [Removed.IMAGES, Removed.NOTHING]
    pass_time(database, HOUR)
    purge_rows(database)
    assert removed(database, batch) == [Removed.IMAGES, Removed.IMAGES]
    assert Keeping(database, FOR_EVER).due() == []


def test_a_line_whose_image_is_not_kept_is_rejected_and_no_other(
    database: Database, tenant: UUID
) -> None:
    images = InputStore(database)
    there, gone = "a" * 64, "b" * 64
    for sha256 in (there, gone):
        assert images.add(Input(tenant, sha256, sha256, "image/png", 1, 1, 1))
    batch = BatchStore(database).add(NewBatch(tenant, "segmind", "one", {}))
    intake = BatchIntake(database)
    first = line_of(batch, "first", 1, image=f"{INPUT_SCHEME}{there}")
    assert intake.take(tenant, batch.id, [first]).accepted == 1
    # The one that a line needs stays, whoever looks.
    pass_time(database, 4 * DAY)
    assert remove_uploads(database, tenant, datetime.now(UTC), 10) == (2, 1)
    again = [first, line_of(batch, "second", 2, image=f"{INPUT_SCHEME}{gone}")]
    taken = intake.take(tenant, batch.id, [*again, line_of(batch, "third", 3)])
    assert (taken.accepted, taken.known, taken.stopped) == (1, 1, None)
    (lost,) = taken.rejections
    assert (lost.number, lost.custom_id, lost.errors[0].field) == (2, "second", "input.image")
    assert "no image of yours that is kept" in lost.errors[0].message
    strict = intake.take(tenant, batch.id, [again[1], line_of(batch, "fourth", 4)], strict=True)
    assert (strict.accepted, len(strict.rejections)) == (0, 1)
    assert BatchStore(database).get(tenant, batch.id)[0].jobs == 2


def keep_due(database: Database, batch: Batch) -> datetime | None:
    with database.read() as connection:
        found: datetime | None = connection.scalar(
            select(batches.c.keep_due).where(batches.c.id == batch.id)
        )
        return found


def test_one_of_which_nothing_is_due_is_looked_at_when_something_may_be(
    database: Database, filled: Filled
) -> None:
    batch = filled(Keeps(outputs=2 * HOUR, jobs=90 * DAY))
    assert Keeping(database, FOR_EVER).due() == []
    first = keep_due(database, batch)
    assert first is not None
    assert HOUR < first - datetime.now(UTC) <= 2 * HOUR
    pass_time(database, 2 * HOUR)
    purge_rows(database)
    assert removed(database, batch) == [Removed.IMAGES, Removed.IMAGES]
    # Never later than what ends from now on may be due.
    second = keep_due(database, batch)
    assert second is not None
    assert HOUR < second - datetime.now(UTC) <= 2 * HOUR
    pass_time(database, 90 * DAY)
    purge_rows(database)
    assert removed(database, batch) == [Removed.ALL, Removed.ALL]
    assert keep_due(database, batch) is None


def test_one_that_has_gone_on_meanwhile_keeps_its_times(database: Database, filled: Filled) -> None:
    batch = filled(Keeps(outputs=2 * HOUR))
    pass_time(database, 2 * HOUR)
    (due,) = Keeping(database, FOR_EVER).due()
    BatchSweeps(database).retry(batch.tenant_id, batch.id, [State.EXPIRED])
    BatchSweeps(database).go_on(batch.id)
    end_own_times(database, [replace(due, over=True)])
    assert keep_due(database, batch) is not None
