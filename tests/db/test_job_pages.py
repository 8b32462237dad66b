import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from db.engine import Database
from db.job_pages import JobPages, Page
from db.job_walks import JobFilter
from db.jobs import JobStore
from db.rows import NewJob
from db.runs import RunStore
from db.tables import jobs, outputs
from db.tenants import TenantStore
from jobs.states import State
from tests.db.conftest import PRICE, Claimer, Submit, succeeded
from tests.db.many_jobs import BEGIN, EVERY, add_many, id_of
from tests.db.rows_read import rows_read

COUNT = 300


def describe(n: int) -> dict[str, Any]:
    """Of everything a common and a rare kind, and one that is found among the oldest only."""
    return {
        "state": ["succeeded", "failed", "queued", "canceled"][0 if n % 20 else n // 20 % 4],
        "group_name": ["", "g", "g", "h"][n % 4],
        "tags": ["all"] + (["even"] if n % 2 == 0 else []) + (["rare"] if n % 50 == 0 else []),
        "model": "old" if n < 5 else "ssd-canny",
    }


def pages_of(pages: JobPages, tenant: UUID, wanted: JobFilter, limit: int = 7) -> Iterator[Page]:
    page = pages.page(tenant, wanted, limit=limit)
    while True:
        assert len(page.jobs) <= limit
        yield page
        if page.below is None:
            return
        page = pages.page(tenant, wanted, limit=limit, below=page.below)


def ids(pages: JobPages, tenant: UUID, wanted: JobFilter, limit: int = 7) -> list[UUID]:
    return [job.id for page in pages_of(pages, tenant, wanted, limit) for job in page.jobs]


def fits(row: dict[str, Any], wanted: JobFilter) -> bool:
    return (
        (not wanted.states or row["state"] in wanted.states)
        and wanted.model in {None, row["model"]}
        and wanted.group in {None, row["group_name"]}
        and set(wanted.tags) <= set(row["tags"])
        and (wanted.created_after is None or row["created_at"] >= wanted.created_after)
        and (wanted.created_before is None or row["created_at"] < wanted.created_before)
    )


@pytest.fixture
def rows(database: Database, tenant: UUID) -> list[dict[str, Any]]:
    """The tenant's jobs, the newest first, beside those of another tenant."""
    add_many(database, TenantStore(database).ensure("other"), COUNT, describe, seed=2)
    return add_many(database, tenant, COUNT, describe)[::-1]


def test_every_filter_finds_what_it_says_and_all_of_it(
    database: Database, tenant: UUID, rows: list[dict[str, Any]]
) -> None:
    # Stretches so short that pages end in the middle of them and between them.
    pages = JobPages(database, stretch=10, most_passed=40)
    chance = random.Random(7)
    moment = BEGIN + 100 * EVERY
    pick = chance.choice
    for _ in range(50):
        wanted = JobFilter(
            states=pick([(), (), (State.FAILED,), (State.SUCCEEDED, State.QUEUED), tuple(State)]),
            model=pick([None, None, "old", "ssd-canny", "no such"]),
            group=pick([None, None, "", "g", "no such"]),
            tags=pick([(), (), ("all",), ("rare",), ("even", "rare"), ("no such", "all")]),
            created_after=pick([None, None, moment, BEGIN]),
            created_before=pick([None, None, moment + 60 * EVERY, moment]),
        )
        expected = [row["id"] for row in rows if fits(row, wanted)]
        assert ids(pages, tenant, wanted, pick([5, 20, 200])) == expected, wanted


def test_a_moment_is_in_the_range_that_begins_with_it_and_not_in_the_one_that_ends(
    database: Database, tenant: UUID, rows: list[dict[str, Any]]
) -> None:
    pages = JobPages(database)
    at = rows[10]["created_at"]
    assert ids(pages, tenant, JobFilter(created_after=at))[-1] == rows[10]["id"]
    assert ids(pages, tenant, JobFilter(created_before=at))[0] == rows[11]["id"]


def test_a_gateway_whose_clock_is_off_hides_no_job(database: Database, tenant: UUID) -> None:
    chance = random.Random(3)

    def skewed(n: int) -> dict[str, Any]:
        off = timedelta(minutes=chance.randint(-55, 55))
        return {"id": id_of(BEGIN + n * EVERY + off, chance)}

    made = add_many(database, tenant, 200, skewed)
    after, before = BEGIN + 80 * EVERY, BEGIN + 120 * EVERY
    found = ids(JobPages(database), tenant, JobFilter(created_after=after, created_before=before))
    assert set(found) == {row["id"] for row in made[80:120]}
    assert len(found) == 40


def test_times_far_from_any_clock_can_be_asked_for(
    database: Database, tenant: UUID, rows: list[dict[str, Any]]
) -> None:
    pages = JobPages(database)
    year_1, year_9999 = BEGIN.replace(year=1), BEGIN.replace(year=9999, month=12, day=31)
    assert len(ids(pages, tenant, JobFilter(created_after=year_1))) == COUNT
    assert ids(pages, tenant, JobFilter(created_before=year_1)) == []
    assert len(ids(pages, tenant, JobFilter(created_before=year_9999))) == COUNT
    assert ids(pages, tenant, JobFilter(created_after=year_9999)) == []


def test_jobs_that_come_and_move_meanwhile_are_neither_skipped_nor_doubled(
    database: Database, tenant: UUID, rows: list[dict[str, Any]]
) -> None:
    store, there = JobStore(database), [row["id"] for row in rows]
    stop = threading.Event()

    def disturb() -> None:
        chance = random.Random(5)
        while not stop.is_set():
            store.add(NewJob(tenant, "segmind", "ssd-canny", {"seed": 1}, PRICE, tags=("all",)))
            moved = update(jobs).where(jobs.c.id == chance.choice(there))
            with database.write() as connection:
                connection.execute(moved.values(state=chance.choice(list(State))))

    beside = threading.Thread(target=disturb)
    beside.start()
    try:
        pages = JobPages(database, stretch=10, most_passed=40)
        for wanted in (
            JobFilter(),
            JobFilter(states=tuple(State)),
            JobFilter(tags=("all",), group="g"),
            JobFilter(states=tuple(State), tags=("all",)),
        ):
            found = ids(pages, tenant, wanted, 3)
            assert len(set(found)) == len(found)
            assert found == sorted(found, reverse=True)
            expected = [row["id"] for row in rows if fits({**row, "state": State.QUEUED}, wanted)]
            assert [one for one in found if one in set(there)] == expected
    finally:
        stop.set()
        beside.join()


def test_a_page_brings_the_images_of_its_jobs(
    database: Database, tenant: UUID, submit: Submit, claim: Claimer, runs: RunStore
) -> None:
    made = []
    for _ in range(3):
        submit()
        claimed = claim()
        assert runs.settle(succeeded(claimed))
        made.append(claimed.job.id)
    with database.write() as connection:
        second = {"n": 1, "artifact": "b", "content_type": "image/png", "width": 1, "height": 1}
        row = {**second, "job_id": made[1], "bytes": 1, "sha256": "00" * 32}
        connection.execute(insert(outputs).values(row))
    found = JobPages(database).page(tenant, JobFilter(), limit=50).jobs
    assert [(job.id, [one.n for one in job.outputs]) for job in found] == [
        (made[2], [0]),
        (made[1], [0, 1]),
        (made[0], [0]),
    ]
    store = JobStore(database)
    assert list(found) == [store.get(tenant, job.id) for job in found]


def test_jobs_are_counted_by_state(
    database: Database, tenant: UUID, rows: list[dict[str, Any]]
) -> None:
    counts = JobPages(database).counts(tenant)
    assert counts == {state: sum(r["state"] == state for r in rows) for state in State}
    capped = replace(JobPages(database), most_counted=5).counts(tenant)
    assert capped == {state: min(count, 5) for state, count in counts.items()}


COSTLY = [
    JobFilter(),
    JobFilter(states=(State.SUCCEEDED,)),
    JobFilter(states=(State.FAILED,)),
    JobFilter(states=(State.FAILED, State.SUCCEEDED)),
    JobFilter(group="g"),
    JobFilter(tags=("all",)),
    JobFilter(tags=("rare",)),
    JobFilter(tags=("all", "rare")),
    JobFilter(model="old"),
    JobFilter(model="old", group="g", tags=("all",), states=(State.SUCCEEDED,)),
    JobFilter(created_before=BEGIN + 100 * EVERY),
    JobFilter(created_before=BEGIN + 100 * EVERY, states=(State.SUCCEEDED,), tags=("even",)),
    JobFilter(created_after=BEGIN + 100 * EVERY, tags=("rare",)),
]


def test_what_a_page_costs_does_not_grow_with_what_is_stored(line: Database) -> None:
    tenants = TenantStore(line)
    few, many = tenants.ensure("few"), tenants.ensure("many")
    add_many(line, few, 1_000, describe, seed=1)
    add_many(line, many, 12_000, describe, seed=2)
    pages = JobPages(line, stretch=100, most_passed=500)
    for wanted in COSTLY:
        of_few, of_many = (
            rows_read(line, lambda: pages.page(tenant, wanted, limit=20))  # noqa: B023
            for tenant in (few, many)
        )
        assert of_many < 2 * of_few + 500, (wanted, of_few, of_many)
        assert of_many < 10_000, (wanted, of_many)
