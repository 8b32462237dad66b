"""The last look before the first byte, against the sandbox as it runs."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from db.artifact_folder import FolderArtifacts
from db.artifacts import ArtifactStore
from db.engine import Database
from db.inputs import InputStore
from db.jobs import JobStore
from db.rows import Claim, Input, Job, NewJob
from db.tenants import TenantStore
from jobs import catalog
from jobs.catalog.inputs import check
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from upstream import Endpoints, Segmind
from worker.calling import call
from worker.stopping import stopping


@pytest.fixture
def segmind(sandbox: SandboxProcess) -> Iterator[Segmind]:
    client = Segmind(KEY, Endpoints.from_base_url(sandbox.url), connections=2, deadline=10)
    yield client
    client.close()


@pytest.fixture
def inputs(database: Database) -> InputStore:
    return InputStore(database)


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return FolderArtifacts(tmp_path / "artifacts")


@pytest.fixture
def job(database: Database) -> Job:
    tenant = TenantStore(database).ensure("default")
    given = check(
        catalog.model("ssd-canny"), {"image": "https://example.org/a.png", "prompt": "a fox"}
    )
    return JobStore(database).add(NewJob(tenant, "segmind", "ssd-canny", given, Money(60)))


def test_a_call_that_comes_too_late_is_not_sent(
    sandbox: SandboxProcess,
    segmind: Segmind,
    inputs: InputStore,
    artifacts: ArtifactStore,
    job: Job,
) -> None:
    claim = Claim(uuid4(), uuid4(), job, seed=7)
    late = time.monotonic() - 5.01
    reply = call(segmind, inputs, artifacts, claim, claimed_at=late)
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.NOT_SENT
    assert reply.sent_at is None
    assert sandbox.ledger() == []


def test_a_worker_that_is_told_to_stop_sends_nothing_new(
    sandbox: SandboxProcess,
    segmind: Segmind,
    inputs: InputStore,
    artifacts: ArtifactStore,
    job: Job,
) -> None:
    claim = Claim(uuid4(), uuid4(), job, seed=7)
    stopping.set()
    try:
        reply = call(segmind, inputs, artifacts, claim, claimed_at=time.monotonic())
    finally:
        stopping.clear()
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.NOT_SENT
    assert sandbox.ledger() == []


def test_an_upload_that_is_gone_fails_the_job_and_sends_nothing(
    sandbox: SandboxProcess,
    segmind: Segmind,
    inputs: InputStore,
    artifacts: ArtifactStore,
    job: Job,
) -> None:
    kept = Input(job.tenant_id, "ab" * 32, "inputs/x", "image/jpeg", 1, 1, 1)
    inputs.add(kept)
    job.input["image"] = f"segq:{kept.sha256}"
    claim = Claim(uuid4(), uuid4(), job, seed=7)
    reply = call(segmind, inputs, artifacts, claim, claimed_at=time.monotonic())
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.INVALID_INPUT
    assert "no longer kept" in reply.result.message
    assert sandbox.ledger() == []


def test_in_time_it_is_sent_with_the_attempts_seed(
    sandbox: SandboxProcess,
    segmind: Segmind,
    inputs: InputStore,
    artifacts: ArtifactStore,
    job: Job,
) -> None:
    claim = Claim(uuid4(), uuid4(), job, seed=7)
    reply = call(segmind, inputs, artifacts, claim, claimed_at=time.monotonic())
    assert isinstance(reply.result, tuple)
    (row,) = sandbox.ledger()
    assert (row["seed_sent"], row["status"]) == (7, 200)
