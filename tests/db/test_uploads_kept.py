"""Uploaded images: removed when their time has passed and no job may need them, and never under one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update

from db.engine import Database
from db.inputs import InputStore
from db.job_changes import JobChanges
from db.job_uploads import let_go
from db.jobs import JobStore
from db.migrate import upgrade
from db.removals import Removals
from db.rows import Input, Job, NewJob
from db.runs import RunStore
from db.tables import backfills, inputs, job_uploads
from db.tenants import Limits, TenantStore
from db.upload_backfill import backfill
from db.upload_removals import remove_uploads
from jobs.errors import InvalidInput, TooManyQueued
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import State
from tests.db.ageing import pass_time, purge_rows
from tests.db.conftest import PRICE, Claimer, Submit, failed, succeeded
from tests.db.test_locks_in_order import WAITING
from tests.servers.databases import new_database
from tests.systems.processes import wait_until

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BROKEN = Failure(FailureKind.UPSTREAM_ERROR, "internal", 500)
ENDED = Decision(State.FAILED, spends_attempt=True)
SHA = "ab" * 32
GONE = "refers to no image of yours that is kept"

Upload = Callable[..., Input]


@pytest.fixture
def store(database: Database) -> InputStore:
    return InputStore(database)


@pytest.fixture
def upload(database: Database, store: InputStore, tenant: UUID) -> Upload:
    """As the gateway does it: the next generation's bytes, then its row."""
    limits = Limits(keep_outputs=10 * 86_400, keep_jobs=20 * 86_400)
    TenantStore(database).set_limits("default", limits)

    def one(sha256: str = SHA) -> Input:
        generation = store.next_generation(tenant, sha256)
        place = f"inputs/{sha256[:2]}-{generation}"
        new = Input(tenant, sha256, place, "image/png", 1, 1, 7, generation)
        assert store.add(new)
        return new

    return one


def with_image(sha256: str = SHA) -> dict[str, object]:
    return {"image": f"segq:{sha256}", "prompt": "a", "seed": -1, "samples": 1}


def doomed(database: Database) -> list[str]:
    return [one.artifact for one in Removals(database).next(100)]


def test_one_that_nobody_uses_is_kept_for_its_time_from_its_last_upload(
    database: Database, store: InputStore, upload: Upload, tenant: UUID
) -> None:
    first, other = upload(), upload("cd" * 32)
    pass_time(database, 9 * DAY)
    upload(other.sha256)
    pass_time(database, DAY)
    purge_rows(database)
    assert store.get(tenant, first.sha256) is None
    assert store.get(tenant, other.sha256) == other
    assert doomed(database) == [first.artifact]
    pass_time(database, 9 * DAY)
    purge_rows(database)
    assert doomed(database) == [first.artifact, other.artifact]


def test_one_that_was_removed_comes_again_under_another_name(
    database: Database, store: InputStore, upload: Upload, tenant: UUID
) -> None:
    """Whoever removes the bytes of before, however late, must not remove these."""
    first = upload()
    pass_time(database, 10 * DAY)
    purge_rows(database)
    # Bytes under the old name count for nothing, whenever they were put there.
    assert not store.add(first)
    assert store.get(tenant, SHA) is None
    again = upload()
    assert again.artifact != first.artifact
    assert store.get(tenant, SHA) == again
    pass_time(database, 9 * DAY)
    purge_rows(database)
    assert store.get(tenant, SHA) == again


def test_a_submit_that_refers_to_one_that_is_gone_is_refused_and_others_are_not(
    database: Database, upload: Upload, job_store: JobStore, tenant: UUID
) -> None:
    upload()
    pass_time(database, 10 * DAY)
    purge_rows(database)
    upload("cd" * 32)
    one, good, never = (
        NewJob(tenant, "segmind", "ssd-canny", with_image(sha256), PRICE)
        for sha256 in (SHA, "cd" * 32, "ef" * 32)
    )
    words = NewJob(tenant, "segmind", "ssd-canny", {"prompt": f"segq:{SHA}"}, PRICE)
    found = job_store.add_each([one, good, never, words])
    assert [type(each) for each in found] == [InvalidInput, Job, InvalidInput, Job]
    assert isinstance(found[0], InvalidInput)
    (problem,) = found[0].problems
    assert (problem.field, problem.got) == ("input.image", f'"segq:{SHA}"')
    assert GONE in problem.message
    with pytest.raises(InvalidInput, match=GONE):
        job_store.add(one)
    with database.read() as connection:
        rows = connection.execute(select(job_uploads.c.sha256)).scalars().all()
    assert rows == ["cd" * 32]


def test_another_tenants_image_is_none_of_ones_own(
    database: Database, upload: Upload, job_store: JobStore
) -> None:
    upload()
    theirs = TenantStore(database).ensure("theirs")
    with pytest.raises(InvalidInput, match=GONE):
        job_store.add(NewJob(theirs, "segmind", "ssd-canny", with_image(), PRICE))


def test_it_stays_while_any_job_may_need_it(
    database: Database,
    store: InputStore,
    upload: Upload,
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    upload()
    scheduled = submit(input=with_image(), run_at=datetime.now(UTC) + DAY)
    broken = submit(input=with_image())
    runs.settle(failed(claim(), BROKEN, ENDED))
    done = submit(input=with_image())
    runs.settle(succeeded(claim()))
    changes = JobChanges(database)

    def is_kept() -> bool:
        purge_rows(database)
        return store.get(tenant, SHA) is not None

    pass_time(database, 10 * DAY)
    assert is_kept()  # of the scheduled one
    assert job_store.get(tenant, done.id).outputs_removed_at is not None
    changes.cancel(tenant, scheduled.id)
    assert is_kept()  # both may be retried
    pass_time(database, 9 * DAY)
    assert is_kept()
    changes.retry(tenant, broken.id)
    assert runs.settle(succeeded(claim()))
    pass_time(database, 9 * DAY)
    assert is_kept()  # one more has just ended, and the other may be retried yet
    pass_time(database, DAY)
    assert is_kept()
    pass_time(database, DAY)
    assert not is_kept()
    with database.read() as connection:
        assert connection.execute(select(job_uploads)).all() == []


def test_many_jobs_of_one_image_let_it_go_with_the_last(
    database: Database,
    store: InputStore,
    upload: Upload,
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    tenant: UUID,
) -> None:
    upload()
    for _ in range(5):
        submit(input=with_image())
        runs.settle(succeeded(claim()))
        pass_time(database, DAY)
    pass_time(database, 7 * DAY)
    for left in (2, 1):
        purge_rows(database)
        assert store.get(tenant, SHA) is not None
        with database.read() as connection:
            assert len(connection.execute(select(job_uploads)).all()) == left
        pass_time(database, DAY)
    purge_rows(database)
    assert store.get(tenant, SHA) is None


def test_two_that_let_go_the_last_jobs_of_an_image_at_once_do_not_leave_it_for_ever(
    postgres: str,
) -> None:
    """Neither sees what the other has done, so neither can say that nobody needs it."""
    url = new_database(postgres)
    database, watching = Database(url), Database(url)
    upgrade(database)
    tenant = TenantStore(database).create("one").id
    InputStore(database).add(Input(tenant, SHA, "inputs/x", "image/png", 1, 1, 1))
    new = NewJob(tenant, "segmind", "ssd-canny", with_image(), PRICE)
    first, second = JobStore(database).add_many([new, new])
    now = datetime.now(UTC)
    with database.write() as connection:
        connection.execute(update(inputs).values(unused_since=None))
    with ThreadPoolExecutor(1) as beside:
        with database.write() as connection:
            let_go(connection, database, tenant, {first.id: now - DAY})

            def other() -> None:
                with database.write() as line:
                    let_go(line, database, tenant, {second.id: now - 2 * DAY})

            waiting = beside.submit(other)
            wait_until(lambda: _locks(watching) == 1, "the other waits")
        waiting.result(20)
    with database.read() as connection:
        since = connection.scalar(select(inputs.c.unused_since))
    # By the job that ended last.
    assert since == now - DAY
    assert remove_uploads(database, tenant, now, 10) == (1, 1)
    watching.close()
    database.close()


def _locks(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(WAITING) or 0


def test_a_submit_at_the_same_moment_has_its_image_or_is_refused(
    database: Database, database_url: str, store: InputStore, tenant: UUID
) -> None:
    """Whichever of the two is quicker: no job is left without its image."""
    mine = Database(database_url)
    for n in range(40):
        sha256 = f"{n:064x}"
        store.add(Input(tenant, sha256, f"inputs/{n}", "image/png", 1, 1, 1))
        begin = threading.Barrier(2)

        def purge(begin: threading.Barrier = begin) -> tuple[int, int]:
            begin.wait()
            return remove_uploads(mine, tenant, datetime.now(UTC) + HOUR, 10)

        with ThreadPoolExecutor(1) as beside:
            purging = beside.submit(purge)
            begin.wait()
            job = NewJob(tenant, "segmind", "ssd-canny", with_image(sha256), PRICE)
            (found,) = JobStore(database).add_each([job])
            purging.result(30)
        is_there = store.get(tenant, sha256) is not None
        assert isinstance(found, Job if is_there else InvalidInput)
    mine.close()


def test_a_removal_steps_over_an_image_that_a_submit_holds(postgres: str) -> None:
    database = Database(new_database(postgres))
    upgrade(database)
    tenant = TenantStore(database).create("one").id
    InputStore(database).add(Input(tenant, SHA, "inputs/x", "image/png", 1, 1, 1))
    new = NewJob(tenant, "segmind", "ssd-canny", with_image(), PRICE)
    by = datetime.now(UTC) + HOUR
    with ThreadPoolExecutor(1) as beside, database.write():
        JobStore(database).add(new)
        # Not committed: nobody can know of the job yet. And nobody waits.
        assert beside.submit(remove_uploads, database, tenant, by, 10).result(20) == (0, 0)
        beside.submit(JobStore(database).add, new).result(20)
    assert remove_uploads(database, tenant, by, 10) == (1, 0)
    database.close()


def test_what_is_refused_for_another_reason_needs_no_image(
    database: Database, upload: Upload, job_store: JobStore, tenant: UUID
) -> None:
    upload()
    TenantStore(database).set_limits("default", Limits(max_queued=1))
    new = NewJob(tenant, "segmind", "ssd-canny", with_image(), PRICE)
    found = job_store.add_each([new, new])
    assert [type(one) for one in found] == [Job, TooManyQueued]
    with database.read() as connection:
        assert len(connection.execute(select(job_uploads)).all()) == 1


def test_jobs_from_before_are_gone_through_once_and_in_steps(
    database: Database, upload: Upload, submit: Submit, store: InputStore, tenant: UUID
) -> None:
    upload()
    for _ in range(5):
        submit(input=with_image())
        submit()
    with database.write() as connection:
        for table in (job_uploads, backfills):
            connection.execute(delete(table))
    pass_time(database, 100 * DAY)
    assert [backfill(database, 4) for _ in range(4)] == [False, False, True, True]
    with database.read() as connection:
        assert len(connection.execute(select(job_uploads)).all()) == 5
    purge_rows(database)
    assert store.get(tenant, SHA) is not None
    # Whoever comes later has written his own.
    submit(input=with_image())
    with database.read() as connection:
        assert len(connection.execute(select(job_uploads)).all()) == 6
