"""Any path of jobs and images, beside a model that says of each what may be gone by then.

Time passes by whole hours, and it is looked at after each turn of upkeep.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, select

from db.accounts import AccountStore
from db.budgets import BudgetStore
from db.engine import Database
from db.inputs import InputStore
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.migrate import upgrade
from db.removals import Removals
from db.rows import Claim, Input, NewJob, Terms
from db.rows import Job as KeptJob
from db.runs import RunStore
from db.tables import jobs, metadata
from db.tenants import Limits, TenantStore
from jobs.budgets import Period
from jobs.errors import IllegalMove, InvalidInput
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retention import LEAST_OF_UPLOADS, Removed
from jobs.retry import Decision
from jobs.states import State
from tests.db.ageing import pass_time, purge_rows
from tests.db.conftest import LEASE, PRICE, failed, succeeded

HOUR = timedelta(hours=1)
BROKE = Failure(FailureKind.UPSTREAM_ERROR, "it broke")
IMAGES = [f"{n:064x}" for n in range(3)]
OUTPUTS, JOBS, UPLOADS = 30, 60, LEAST_OF_UPLOADS // HOUR
"""Hours. An image of a job goes after 30, its data after 60, an upload after 72."""


@dataclass
class Job:
    id: UUID
    image: str | None
    state: State = State.QUEUED
    ended: int | None = None
    """Hours ago."""
    has_images: bool = False
    gone: Removed = Removed.NOTHING
    claim: Claim | None = None

    @property
    def may_be_retried(self) -> bool:
        return not self.has_images and self.gone is not Removed.ALL

    @property
    def needs_its_image(self) -> bool:
        if self.ended is None:
            return True
        return self.gone is not Removed.ALL and (
            self.gone is Removed.NOTHING or self.may_be_retried
        )


@dataclass
class Upload:
    unused: int = 0
    """Hours since it was last uploaded, or the last job that needed it has ended."""
    there: bool = True
    lives: int = 0
    artifacts: list[str] = field(default_factory=list)


class Paths(RuleBasedStateMachine):
    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.store, self.runs = JobStore(self.database), RunStore(self.database)
        self.changes, self.inputs = JobChanges(self.database), InputStore(self.database)
        self.account = AccountStore(self.database).ensure(
            "p", "a", call_limit=60, window_seconds=60
        )
        tenants = TenantStore(self.database)
        self.tenant = tenants.create("one").id
        tenants.set_limits("one", Limits(keep_outputs=OUTPUTS * 3_600, keep_jobs=JOBS * 3_600))
        BudgetStore(self.database).set(self.tenant, Money(1_000 * PRICE), Period.TOTAL)
        self.jobs: list[Job] = []
        self.uploads: dict[str, Upload] = {}

    def some(self, data: st.DataObject, *states: State) -> Job | None:
        found = [one for one in self.jobs if one.state in states]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(image=st.sampled_from(IMAGES))
    def upload(self, image: str) -> None:
        known = self.uploads.setdefault(image, Upload(there=False, lives=-1))
        if not known.there:
            known.lives += 1
        generation = self.inputs.next_generation(self.tenant, image)
        assert generation == known.lives
        place = f"inputs/{image[-1]}-{generation}"
        kept = Input(self.tenant, image, place, "image/png", 1, 1, 1, generation)
        assert self.inputs.add(kept)
        known.there, known.unused = True, 0

    @rule(image=st.none() | st.sampled_from(IMAGES))
    def submit(self, image: str | None) -> None:
        given: dict[str, Any] = {"prompt": "a", "seed": -1}
        if image is not None:
            given["image"] = f"segq:{image}"
        (found,) = self.store.add_each([NewJob(self.tenant, "p", "ssd-canny", given, PRICE)])
        is_there = image is None or (image in self.uploads and self.uploads[image].there)
        assert isinstance(found, KeptJob if is_there else InvalidInput)
        if isinstance(found, KeptJob):
            self.jobs.append(Job(found.id, image))

    @precondition(lambda self: any(one.state is State.QUEUED for one in self.jobs))
    @rule()
    def claim(self) -> None:
        found = self.runs.claim("p", self.account.id, terms=Terms(LEASE))
        assert isinstance(found, list)
        job = next(one for one in self.jobs if one.id == found[0].job.id)
        job.state, job.claim = State.RUNNING, found[0]

    @precondition(lambda self: any(one.state is State.RUNNING for one in self.jobs))
    @rule(data=st.data(), state=st.sampled_from(["succeeded", "failed", "in_doubt"]))
    def end(self, data: st.DataObject, state: str) -> None:
        job = self.some(data, State.RUNNING)
        assert job is not None
        assert job.claim is not None
        if state == State.SUCCEEDED:
            self.runs.settle(succeeded(job.claim))
            job.has_images = True
        else:
            decision = Decision(State(state), spends_attempt=True)
            self.runs.settle(failed(job.claim, BROKE, decision))
        job.state = State(state)
        job.ended = None if state == State.IN_DOUBT else 0

    @precondition(lambda self: any(one.state is State.IN_DOUBT for one in self.jobs))
    @rule(data=st.data())
    def end_a_doubt(self, data: st.DataObject) -> None:
        job = self.some(data, State.IN_DOUBT)
        assert job is not None
        assert job.claim is not None
        self.runs.settle(succeeded(job.claim))
        job.state, job.ended, job.has_images = State.SUCCEEDED, 0, True

    @precondition(lambda self: any(one.state is State.QUEUED for one in self.jobs))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.some(data, State.QUEUED)
        assert job is not None
        self.changes.cancel(self.tenant, job.id)
        job.state, job.ended = State.CANCELED, 0

    @precondition(lambda self: any(one.ended is not None for one in self.jobs))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        job = self.some(data, State.SUCCEEDED, State.FAILED, State.CANCELED)
        assert job is not None
        try:
            self.changes.retry(self.tenant, job.id)
        except IllegalMove:
            assert not job.may_be_retried
            return
        assert job.may_be_retried
        job.state, job.ended, job.gone = State.QUEUED, None, Removed.NOTHING

    @rule(hours=st.sampled_from([1, 7, 23]))
    def time_passes(self, hours: int) -> None:
        pass_time(self.database, hours * HOUR)
        for job in self.jobs:
            job.ended = None if job.ended is None else job.ended + hours
        for one in self.uploads.values():
            one.unused += hours

    @rule()
    def purge(self) -> None:
        purge_rows(self.database)
        for job in self.jobs:
            if job.ended is None:
                continue
            needed = job.needs_its_image
            if job.ended >= OUTPUTS:
                job.gone = max(job.gone, Removed.IMAGES)
            if job.ended >= JOBS:
                job.gone = Removed.ALL
            if needed and not job.needs_its_image and job.image is not None:
                mine = self.uploads[job.image]
                mine.unused = min(mine.unused, job.ended)
        needed_ones = {one.image for one in self.jobs if one.needs_its_image}
        for image, one in self.uploads.items():
            if one.there and image not in needed_ones and one.unused >= UPLOADS:
                one.there = False

    @invariant()
    def each_job_is_as_the_model_says(self) -> None:
        with self.database.read() as connection:
            rows = {row.id: row for row in connection.execute(select(jobs))}
        for job in self.jobs:
            row = rows[job.id]
            assert (row.state, Removed(row.removed)) == (job.state, job.gone)
            whole = job.gone is not Removed.ALL
            assert bool(row.input) is whole
            assert (row.data_removed_at is None) is whole
            found = self.store.get(self.tenant, job.id)
            assert bool(found.outputs) is (job.has_images and whole)
            images_gone = job.has_images and job.gone is not Removed.NOTHING
            assert (found.outputs_removed_at is not None) is images_gone

    @invariant()
    def whoever_needs_an_image_has_it(self) -> None:
        for job in self.jobs:
            if job.image is not None and job.needs_its_image:
                assert self.inputs.get(self.tenant, job.image) is not None
        for image, one in self.uploads.items():
            assert (self.inputs.get(self.tenant, image) is not None) is one.there

    @invariant()
    def nothing_that_is_there_is_to_be_removed(self) -> None:
        doomed = {one.artifact for one in Removals(self.database).next(1_000)}
        for image in self.uploads:
            found = self.inputs.get(self.tenant, image)
            assert found is None or found.artifact not in doomed

    @invariant()
    def sums_of_money_are_right(self) -> None:
        assert BudgetStore(self.database).check() == []


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'segq.db'}")
    # Nothing here is to outlive a power cut, and most of the time would go into that.
    event.listen(
        database.engine, "connect", lambda found, _: found.execute("PRAGMA synchronous=OFF")
    )
    upgrade(database)
    yield database
    database.close()


@pytest.mark.timeout(8 * 3600)
def test_nothing_that_is_needed_or_not_due_is_ever_removed(
    line: Database, request: pytest.FixtureRequest
) -> None:
    full = request.config.getoption("--full")
    machine = type("AnyPaths", (Paths,), {"database": line})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=2_000 if full else 15,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
