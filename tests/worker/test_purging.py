"""Turns of upkeep that remove what has had its time, with real stores; and what is looked for after."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, update
from structlog.testing import capture_logs

from db.artifact_place import artifact_place
from db.engine import Database
from db.rows import Input, Job
from db.tables import attempts, backfills, inputs, job_uploads, jobs, outputs, removals
from db.tenants import Limits, TenantStore
from jobs.doubts import DoubtEnd
from jobs.matching import Unclear
from jobs.retention import Keeps, Removed
from jobs.states import State
from tests.db.ageing import pass_time
from tests.db.many_jobs import BEGIN, add_many
from tests.sandbox.sandbox_process import PHOTOGRAPH, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import AT_ONCE, lose_worker, succeed_later
from tests.worker.test_audit import audited
from tests.worker.upkeep_turns import attempt, long_ago, look_now
from worker import purging
from worker.parts import Parts
from worker.purging import purge
from worker.run import run_ticket
from worker.settings import Settings

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEEPS = Keeps(outputs=10 * DAY, jobs=20 * DAY)


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """`@on_s3` puts the images into a bucket."""
    kept = replace(settings, keeps=KEEPS, doubts=AT_ONCE)
    if getattr(request, "param", None) == "s3":
        place = request.getfixturevalue("s3").environment(f"p/{uuid4()}")
        kept = replace(kept, artifacts=artifact_place(place))
    return kept


both_stores = pytest.mark.parametrize("settings", ["folder", "s3"], indirect=True)


def run(parts: Parts, job: Job) -> Job:
    assert run_ticket(parts).outcome == "succeeded"
    return parts.jobs.get(job.tenant_id, job.id)


def several(database: Database, tenant: UUID, count: int) -> None:
    """So many jobs that have ended long ago, each with an image that nobody has put anywhere."""
    rows = add_many(database, tenant, count, lambda _: {"finished_at": BEGIN})
    made = {"n": 0, "content_type": "image/jpeg", "width": 1, "height": 1, "bytes": 3}
    with database.write() as connection:
        connection.execute(
            insert(outputs),
            [
                {**made, "job_id": row["id"], "artifact": f"outputs/{n}", "sha256": "ab" * 32}
                for n, row in enumerate(rows)
            ],
        )


@both_stores
def test_images_and_then_data_and_uploads_are_removed_in_their_time(
    parts: Parts, submit: Submit, tenant: UUID
) -> None:
    parts.artifacts.put("inputs/x", PHOTOGRAPH)
    image = Input(tenant, "ab" * 32, "inputs/x", "image/jpeg", 1, 1, len(PHOTOGRAPH))
    parts.inputs.add(image)
    job = run(parts, submit(image=f"segq:{'ab' * 32}", samples=2))
    keys = [one.artifact for one in job.outputs]
    assert len(keys) == 2
    assert purge(parts) == {}
    pass_time(parts.database, 10 * DAY)
    size = image.bytes + sum(one.bytes for one in job.outputs)
    assert purge(parts) == {"images": 1, "uploads": 1, "objects": 3, "bytes": size}
    assert not any(parts.artifacts.has(key) for key in (*keys, "inputs/x"))
    assert parts.inputs.get(tenant, "ab" * 32) is None
    pass_time(parts.database, 10 * DAY)
    assert purge(parts) == {"jobs": 1}
    assert parts.jobs.get(tenant, job.id).removed is Removed.ALL
    assert purge(parts) == {}


def test_what_a_turn_that_died_has_left_is_found(
    parts: Parts, submit: Submit, tenant: UUID
) -> None:
    job = run(parts, submit())
    # As it stands once the commit is there, and nothing else.
    by = datetime.now(UTC) + DAY
    assert parts.job_removals.remove_images(tenant, by, 10) == 1
    assert parts.artifacts.has(job.outputs[0].artifact)
    assert purge(parts) == {"objects": 1, "bytes": job.outputs[0].bytes}
    assert not parts.artifacts.has(job.outputs[0].artifact)


def test_a_store_that_is_away_is_tried_again(
    parts: Parts, submit: Submit, settings: Settings, tenant: UUID
) -> None:
    job = run(parts, submit())
    pass_time(parts.database, 10 * DAY)
    folder = settings.artifacts
    assert isinstance(folder, Path)
    aside = folder.rename(folder.with_name("aside"))
    folder.touch()  # a file in the folder's place
    # SQL says that it is gone, and nobody is shown it.
    assert purge(parts) == {"images": 1}
    assert parts.jobs.get(tenant, job.id).outputs_removed_at is not None
    assert purge(parts) == {}
    folder.unlink()
    aside.rename(folder)
    assert parts.artifacts.has(job.outputs[0].artifact)
    assert purge(parts)["objects"] == 1
    assert not parts.artifacts.has(job.outputs[0].artifact)


def test_a_turn_lets_go_and_removes_so_much_and_no_more(parts: Parts, tenant: UUID) -> None:
    most, objects = purging.MOST_LET_GO, purging.MOST_OBJECTS
    several(parts.database, tenant, most + 100)
    other = TenantStore(parts.database).create("other").id
    add_many(parts.database, other, 10, lambda _: {"finished_at": BEGIN}, seed=2)
    found = purge(parts)
    assert most <= found["images"] + found.get("jobs", 0) <= most + purging.CHUNK
    assert found["objects"] == objects
    # A tenant with that many keeps no other waiting.
    with parts.database.read() as connection:
        left = connection.scalar(
            select(func.count()).where(jobs.c.tenant_id == other, jobs.c.removed == 0)
        )
        assert left == 0
    turns = 1
    while purge(parts):
        turns += 1
        assert turns < 10
    with parts.database.read() as connection:
        assert connection.scalar(select(func.count()).where(jobs.c.removed != 2)) == 0
        assert connection.scalar(select(func.count()).select_from(removals)) == 0


def test_large_images_end_a_turn_sooner(parts: Parts) -> None:
    row = {"bytes": purging.MOST_BYTES // purging.CHUNK, "since": datetime.now(UTC)}
    with parts.database.write() as connection:
        count = purging.CHUNK * 2
        connection.execute(
            insert(removals), [{**row, "artifact": f"outputs/{n:04}"} for n in range(count)]
        )
    assert purge(parts)["objects"] == purging.CHUNK
    assert purge(parts)["objects"] == purging.CHUNK


def test_two_at_once_do_it_once(parts: Parts, tenant: UUID) -> None:
    several(parts.database, tenant, 1_200)
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda _: purge(parts), range(2)))
    while more := purge(parts):
        found.append(more)
    assert sum(one.get("images", 0) for one in found) == 1_200
    assert sum(one.get("jobs", 0) for one in found) == 1_200
    with parts.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(removals)) == 0


def test_nothing_is_removed_before_it_is_known_what_jobs_of_before_need(
    parts: Parts, submit: Submit, tenant: UUID
) -> None:
    for letters in ("ab", "cd"):
        name = f"inputs/{letters}"
        parts.inputs.add(Input(tenant, letters * 32, name, "image/jpeg", 1, 1, 5))
    waiting = submit(image=f"segq:{'ab' * 32}")
    # It is the last of all that are gone through.
    gone = {"removed": 2, "finished_at": BEGIN, "data_removed_at": BEGIN}
    add_many(parts.database, tenant, purging.MOST_WALKED, lambda _: gone)
    with parts.database.write() as connection:
        connection.execute(job_uploads.delete())
        connection.execute(backfills.delete())
        connection.execute(update(inputs).values(unused_since=BEGIN))
    assert purge(parts) == {}
    assert parts.inputs.get(tenant, "cd" * 32) is not None
    assert purge(parts) == {"uploads": 1, "objects": 1, "bytes": 5}
    assert parts.jobs.get(tenant, waiting.id).state is State.QUEUED
    assert parts.inputs.get(tenant, "ab" * 32) is not None
    assert parts.inputs.get(tenant, "cd" * 32) is None


def test_a_tenants_own_times_hold(parts: Parts, submit: Submit, tenant: UUID) -> None:
    TenantStore(parts.database).set_limits("default", Limits(keep_outputs=0, keep_jobs=0))
    run(parts, submit())
    pass_time(parts.database, 100 * DAY)
    assert purge(parts) == {}


def test_an_audit_stays_clean_and_says_what_it_cannot_compare(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    """Its calls are known by their inputs alone: the ids that v1 tells are not the history's."""
    sandbox.change(history_ids="other")
    for n in range(3):
        run(parts, submit(prompt=f"picture {n}"))
    assert (audited(parts).differences, audited(parts).removed) == ((), 0)
    pass_time(parts.database, 20 * DAY)
    while purge(parts):
        pass
    # Long ago for an audit, too: else it would wait for rows that lag.
    with parts.database.write() as connection:
        ended = datetime.now(UTC) - HOUR
        connection.execute(update(attempts).values(finished_at=ended))
    found = audited(parts)
    assert found.differences == ()
    assert (found.removed, len(found.strangers), found.attempts) == (3, 3, 3)


def test_a_doubt_takes_no_row_that_may_be_another_calls(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    """Of two calls with the caller's own seed one is removed: nobody knows whose the row is."""
    sandbox.change(history_ids="other")
    run(parts, submit(seed=7))
    pass_time(parts.database, 20 * DAY)
    while purge(parts):
        pass
    doubted = submit(seed=7)
    lose_worker(parts)  # and it was never sent
    long_ago(parts, doubted, timedelta(seconds=10))
    succeed_later(parts, submit)
    long_ago(parts, doubted, timedelta(minutes=20))
    for _ in range(3):
        look_now(parts)
    assert parts.jobs.get(tenant, doubted.id).state is State.IN_DOUBT
    assert attempt(parts, doubted)["looked"] == Unclear.SIBLING_GONE


def test_a_doubt_with_a_seed_of_ours_ends_though_everything_before_it_is_removed(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    run(parts, submit())
    pass_time(parts.database, 20 * DAY)
    while purge(parts):
        pass
    doubted = submit()
    lose_worker(parts)
    long_ago(parts, doubted, timedelta(seconds=10))
    succeed_later(parts, submit)
    long_ago(parts, doubted, timedelta(minutes=20))
    for _ in range(3):
        look_now(parts)
    assert parts.jobs.get(tenant, doubted.id).state is State.QUEUED
    assert attempt(parts, doubted)["doubt_ended"] == DoubtEnd.ABSENT


def test_one_image_that_cannot_be_removed_keeps_no_other(parts: Parts, tenant: UUID) -> None:
    several(parts.database, tenant, 3)
    for n in range(3):
        parts.artifacts.put(f"outputs/{n}" if n else "outputs/0/in-a-folder", PHOTOGRAPH)
    with capture_logs() as told:
        purge(parts)
    with parts.database.read() as connection:
        assert list(connection.scalars(select(removals.c.artifact))) == ["outputs/0"]
    assert not any(parts.artifacts.has(f"outputs/{n}") for n in (1, 2))
    (delayed,) = (one for one in told if one["event"] == "removal_delayed")
    assert delayed["objects"] == 1


def test_a_row_of_images_that_cannot_be_removed_keeps_no_other(
    parts: Parts, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "CHUNK", 2)
    several(parts.database, tenant, 5)
    for n in range(5):
        parts.artifacts.put(f"outputs/{n}/in-a-folder" if n < 3 else f"outputs/{n}", PHOTOGRAPH)
    for _ in range(4):
        purge(parts)
    with parts.database.read() as connection:
        left = list(connection.scalars(select(removals.c.artifact).order_by(removals.c.artifact)))
    assert left == ["outputs/0", "outputs/1", "outputs/2"]
