from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, select

from db.artifact_folder import FolderArtifacts
from db.doubts import DoubtStore
from db.engine import Database
from db.job_changes import JobChanges
from db.resolving import Resolution, Resolving, Verdict
from db.rows import Claim, Input
from db.runs import RunStore
from db.tables import attempts
from jobs.errors import IllegalMove, NotFound, RequestHeld
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import PRICE, Claimer, Submit, failed, succeeded

LOST = Failure(FailureKind.CONNECTION_LOST, "the connection broke")
DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)
IMAGE = b"an image"
RETRY = Resolution(Verdict.RETRY, "the history has no such call")
FAILED = Resolution(Verdict.FAILED, "nobody wants it any more")


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "artifacts")


@pytest.fixture
def resolving(database: Database, store: FolderArtifacts) -> Resolving:
    return Resolving(database, store)


@pytest.fixture
def doubted(submit: Submit, claim: Claimer, runs: RunStore) -> Claim:
    submit()
    claimed = claim()
    assert runs.settle(failed(claimed, LOST, DOUBT))
    return claimed


@pytest.fixture
def image(store: FolderArtifacts, tenant: UUID) -> Input:
    store.put("inputs/mine", IMAGE)
    return Input(tenant, "ab" * 32, "inputs/mine", "image/png", 8, 6, len(IMAGE))


def attempt(database: Database, claimed: Claim) -> Row[Any]:
    with database.read() as connection:
        return connection.execute(select(attempts).where(attempts.c.id == claimed.attempt_id)).one()


def test_it_is_sent_again_and_counted_as_paid(
    database: Database, resolving: Resolving, doubted: Claim, tenant: UUID, claim: Claimer
) -> None:
    job = resolving.resolve(tenant, doubted.job.id, RETRY)
    assert (job.state, job.cost, job.attempts, job.doubt) == (State.QUEUED, PRICE, 1, None)
    row = attempt(database, doubted)
    assert (row.doubt_ended, row.cost, row.cost_known) == ("operator_retry", PRICE, False)
    assert row.outcome == "connection_lost"
    assert row.looked == "an operator sends it again: the history has no such call"
    # The history may tell what it cost.
    assert row.next_look_at is not None
    again = claim()
    assert (again.job.id, again.number) == (doubted.job.id, 2)


def test_it_has_failed_with_the_doubts_reason_and_the_note(
    database: Database, resolving: Resolving, doubted: Claim, tenant: UUID
) -> None:
    job = resolving.resolve(tenant, doubted.job.id, FAILED)
    assert (job.state, job.cost) == (State.FAILED, PRICE)
    assert job.error is not None
    assert job.error["kind"] == "connection_lost"
    words = "the connection broke; an operator says that it failed: nobody wants it any more"
    assert job.error["message"] == words
    assert attempt(database, doubted).message.startswith("the connection broke; an operator")


def test_an_uploaded_image_becomes_its_output_with_a_life_of_its_own(
    database: Database,
    resolving: Resolving,
    doubted: Claim,
    tenant: UUID,
    image: Input,
    store: FolderArtifacts,
) -> None:
    output = resolving.copied(resolving.must_be_in_doubt(tenant, doubted.job.id), image)
    given = Resolution(Verdict.SUCCEEDED, "from its page", request_id="r-7", output=output)
    job = resolving.resolve(tenant, doubted.job.id, given)
    assert (job.state, job.cost, job.outputs) == (State.SUCCEEDED, PRICE, (output,))
    store.remove(image.artifact)
    assert store.get(output.artifact) == IMAGE
    row = attempt(database, doubted)
    assert (row.request_id, row.doubt_ended) == ("r-7", "operator_succeeded")
    assert (row.cost, row.cost_known) == (PRICE, False)
    assert row.looked == "an operator gives its image: from its page"


def test_a_canceled_job_whose_image_is_not_wanted_gets_none(
    database: Database, resolving: Resolving, doubted: Claim, tenant: UUID, image: Input
) -> None:
    JobChanges(database).cancel(tenant, doubted.job.id, drops=True)
    output = resolving.copied(resolving.must_be_in_doubt(tenant, doubted.job.id), image)
    given = Resolution(Verdict.SUCCEEDED, "found", output=output)
    job = resolving.resolve(tenant, doubted.job.id, given)
    assert (job.state, job.cost, job.outputs) == (State.CANCELED, PRICE, ())


def test_a_requests_id_is_looked_for_at_once(
    database: Database, resolving: Resolving, doubted: Claim, tenant: UUID
) -> None:
    doubts = DoubtStore(database)
    doubts.look_again([doubted.attempt_id], timedelta(hours=1), "not found")
    given = Resolution(Verdict.SUCCEEDED, "seen in the console", request_id="r-7")
    job = resolving.resolve(tenant, doubted.job.id, given)
    assert (job.state, job.cost) == (State.IN_DOUBT, 0)
    assert job.doubt is not None
    assert job.doubt.request_id == "r-7"
    assert job.doubt.looked == "an operator says that it is request r-7: seen in the console"
    (due,) = doubts.take_due(doubted.account_id, 9, timedelta(0))[1]
    assert (due.attempt_id, due.request_id) == (doubted.attempt_id, "r-7")


@pytest.mark.parametrize("with_image", [False, True])
def test_another_attempts_request_is_refused_and_changes_nothing(
    database: Database,
    resolving: Resolving,
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    tenant: UUID,
    image: Input,
    with_image: bool,
) -> None:
    submit()
    other = claim()
    runs.settle(succeeded(other))
    submit()
    claimed = claim()
    runs.settle(failed(claimed, LOST, DOUBT))
    before = attempt(database, claimed)
    doubt = resolving.must_be_in_doubt(tenant, claimed.job.id)
    given = Resolution(
        Verdict.SUCCEEDED,
        "that one",
        request_id=f"r-{other.attempt_id}",
        output=resolving.copied(doubt, image) if with_image else None,
    )
    with pytest.raises(RequestHeld, match=f"request r-{other.attempt_id} is another attempt's"):
        resolving.resolve(tenant, claimed.job.id, given)
    assert attempt(database, claimed) == before


def test_only_a_job_in_doubt_is_resolved_and_only_its_owners(
    resolving: Resolving, submit: Submit, claim: Claimer, runs: RunStore, tenant: UUID
) -> None:
    job = submit()
    with pytest.raises(IllegalMove, match="the job is queued: nothing of it is in doubt"):
        resolving.resolve(tenant, job.id, RETRY)
    claimed = claim()
    with pytest.raises(IllegalMove, match="the job is running: how its call ends"):
        resolving.resolve(tenant, job.id, RETRY)
    runs.settle(failed(claimed, LOST, DOUBT))
    with pytest.raises(NotFound):
        resolving.resolve(UUID(int=7), job.id, RETRY)
    runs.settle(succeeded(claimed))
    with pytest.raises(IllegalMove, match="already ended as succeeded: nothing of it"):
        resolving.resolve(tenant, job.id, RETRY)


def test_of_two_operators_at_once_one_wins(
    database: Database,
    resolving: Resolving,
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    tenant: UUID,
) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            job = submit()
            claimed = claim()
            runs.settle(failed(claimed, LOST, DOUBT))
            both = [pool.submit(resolving.resolve, tenant, job.id, one) for one in (RETRY, FAILED)]
            errors = [one.exception() for one in both]
            assert [type(one) for one in errors if one] == [IllegalMove]
            won = both[errors.index(None)].result()
            row = attempt(database, claimed)
            ended = "operator_retry" if won.state is State.QUEUED else "operator_failed"
            assert (row.doubt_ended, won.cost) == (ended, PRICE)
            if won.state is State.QUEUED:
                JobChanges(database).cancel(tenant, job.id)


def test_a_worker_that_comes_at_the_same_time_is_the_only_one_or_too_late(
    database: Database,
    resolving: Resolving,
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    tenant: UUID,
) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            job = submit()
            claimed = claim()
            runs.settle(failed(claimed, LOST, DOUBT))
            settling = pool.submit(runs.settle, succeeded(claimed))
            resolved = pool.submit(resolving.resolve, tenant, job.id, FAILED)
            error = resolved.exception()
            assert error is None or isinstance(error, IllegalMove)
            assert bool(settling.result()) == (error is not None)
            # Whoever was first: what the call cost is the worker's to tell.
            assert attempt(database, claimed).cost == 50_000_000
