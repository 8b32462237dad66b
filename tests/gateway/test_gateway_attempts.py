from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from api_gateway import documents
from db.attempt_history import AttemptHistory
from db.doubts import DoubtStore
from db.ids import new_id
from db.rows import Claim, Output, Settlement
from db.runs import RunStore
from db.tables import attempts
from jobs.failures import Failure, FailureKind
from jobs.money import ZERO, parse
from jobs.retry import Decision
from jobs.states import State
from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_on import gateway_on
from tests.gateway.gateway_process import Gateway

SENT = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
ANSWERED = SENT + timedelta(seconds=6)
IMAGE = Output(0, "outputs/x/0", "image/jpeg", 8, 8, 100, "ab" * 32)
MEMBERS = set(documents.Attempt.model_fields)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_on(request, tmp_path_factory) as found:
        yield found


Settle = Callable[..., None]


@pytest.fixture
def settle(gateway: Gateway) -> Settle:
    """Settles a claim's attempt as a worker does."""

    def one(claim: Claim, decision: Decision, **fields: Any) -> None:
        settlement = Settlement(
            **{
                "attempt_id": claim.attempt_id,
                "account_id": claim.account_id,
                "job_id": claim.job.id,
                "tenant_id": claim.job.tenant_id,
                "number": claim.number,
                "decision": decision,
                "cost": ZERO,
                "cost_known": True,
                "seed": claim.seed,
                **fields,
            }
        )
        assert RunStore(gateway.database).settle(settlement)

    return one


SUCCEEDED = Decision(State.SUCCEEDED, spends_attempt=True)
FAILED = Decision(State.FAILED, spends_attempt=True)
DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)
AGAIN = Decision(State.QUEUED, spends_attempt=False)


def history(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/jobs/{job_id}", params={"include": "attempts"}).json()
    documents.Job.model_validate(answer)
    found: list[dict[str, Any]] = answer["attempt_history"]
    assert all(set(one) == MEMBERS for one in found)
    return found


def events(attempt: dict[str, Any]) -> list[str]:
    assert all(attempt[f"{one['event']}_at"] == one["at"] for one in attempt["timeline"])
    return [one["event"] for one in attempt["timeline"]]


def test_it_is_told_when_asked_for(client: httpx.Client, submit: Submit) -> None:
    job = submit()["id"]
    assert "attempt_history" not in client.get(f"/api/v1/jobs/{job}").json()
    assert history(client, job) == []


def test_a_call_under_way(gateway: Gateway, client: httpx.Client, submit: Submit) -> None:
    job = submit()["id"]
    claimed = worker_hands.claim(gateway, job)
    (found,) = history(client, job)
    assert (found["number"], found["account"], found["state"]) == (1, "default", "running")
    assert found["seed"] == claimed.seed
    assert (found["estimate"], found["cost"], found["outcome"]) == ("0.006", None, None)
    assert events(found) == ["claimed"]


def test_a_call_that_succeeded(
    gateway: Gateway, client: httpx.Client, submit: Submit, settle: Settle
) -> None:
    job = submit()["id"]
    settle(
        worker_hands.claim(gateway, job),
        SUCCEEDED,
        cost=parse("0.0059"),
        outputs=(IMAGE,),
        request_id="r-1",
        http_status=200,
        generation_seconds=5.5,
        sent_at=SENT,
        answered_at=ANSWERED,
        answer_form="json-list",
    )
    (found,) = history(client, job)
    told = {name: found[name] for name in ("state", "outcome", "http_status", "request_id")}
    assert told == {
        "state": "ended",
        "outcome": "succeeded",
        "http_status": 200,
        "request_id": "r-1",
    }
    assert (found["cost"], found["cost_known"], found["message"]) == ("0.0059", True, None)
    assert (found["generation_seconds"], found["answer_form"]) == (5.5, "json-list")
    assert (found["sent_at"], found["answered_at"]) == (
        "2026-03-01T12:00:01Z",
        "2026-03-01T12:00:07Z",
    )
    # In the order in which it came to pass, though the worker's clock is months behind.
    assert events(found) == ["claimed", "sent", "answered", "finished"]


def test_calls_that_waited_failed_and_succeeded_are_all_there(
    gateway: Gateway, client: httpx.Client, submit: Submit, settle: Settle
) -> None:
    job = submit()["id"]
    limited = Failure(FailureKind.RATE_LIMITED, "slow down", 429)
    broken = Failure(FailureKind.UPSTREAM_ERROR, "Internal Polling Error", 500)
    settle(worker_hands.claim(gateway, job), AGAIN, failure=limited, http_status=429)
    settle(
        worker_hands.claim(gateway, job),
        Decision(State.QUEUED, spends_attempt=True),
        failure=broken,
        http_status=500,
        sent_at=SENT,
    )
    settle(worker_hands.claim(gateway, job), SUCCEEDED, cost_known=False, outputs=(IMAGE,))
    found = history(client, job)
    assert [(one["number"], one["outcome"], one["message"]) for one in found] == [
        (1, "rate_limited", "slow down"),
        (2, "upstream_error", "Internal Polling Error"),
        (3, "succeeded", None),
    ]
    assert [one["http_status"] for one in found] == [429, 500, None]
    assert [one["cost_known"] for one in found] == [True, True, False]
    assert [events(one) for one in found] == [
        ["claimed", "finished"],
        ["claimed", "sent", "finished"],
        ["claimed", "finished"],
    ]
    assert client.get(f"/api/v1/jobs/{job}").json()["attempts"] == 2


@pytest.mark.parametrize("kind", [*FailureKind])
def test_every_kind_of_failure_has_its_name(
    gateway: Gateway, client: httpx.Client, submit: Submit, settle: Settle, kind: FailureKind
) -> None:
    job = submit()["id"]
    failure = Failure(kind, f"it was {kind}")
    settle(worker_hands.claim(gateway, job), FAILED, failure=failure)
    (found,) = history(client, job)
    assert (found["state"], found["outcome"]) == ("ended", kind)
    assert found["message"] == f"it was {kind}"
    assert found["cost"] == "0"


def test_a_doubt_and_its_end(
    gateway: Gateway, client: httpx.Client, submit: Submit, settle: Settle
) -> None:
    job = submit()["id"]
    claimed = worker_hands.claim(gateway, job)
    lost = Failure(FailureKind.CONNECTION_LOST, "the connection broke")
    settle(claimed, DOUBT, failure=lost, cost_known=False, sent_at=SENT)
    (found,) = history(client, job)
    assert (found["state"], found["outcome"], found["cost"]) == (
        "in_doubt",
        "connection_lost",
        None,
    )
    assert events(found) == ["claimed", "sent", "in_doubt"]
    assert (found["transport"], found["doubt_ended"], found["looked"]) == ("v1", None, None)
    doubts = DoubtStore(gateway.database)
    doubts.look_again([claimed.attempt_id], timedelta(hours=1), "not in the history yet")
    settle(claimed, SUCCEEDED, outputs=(IMAGE,), cost=parse("0.006"), sent_at=SENT)
    (found,) = history(client, job)
    assert (found["state"], found["outcome"], found["cost"]) == ("ended", "succeeded", "0.006")
    assert events(found) == ["claimed", "sent", "in_doubt", "finished"]
    assert (found["doubt_ended"], found["looked"]) == ("receipt", "not in the history yet")


def test_of_very_many_calls_the_latest_are_shown(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job = submit()["id"]
    claimed = worker_hands.claim(gateway, job)
    same = {"job_id": claimed.job.id, "account_id": claimed.account_id, "estimate": 1}
    times = {"claimed_at": SENT, "lease_until": SENT, "finished_at": ANSWERED}
    more = [{"id": new_id(), "number": n, **same, **times} for n in range(2, 204)]
    with gateway.database.write() as connection:
        connection.execute(insert(attempts), more)
    assert [one["number"] for one in history(client, job)] == list(range(4, 204))


def test_a_stranger_is_told_nothing(
    gateway: Gateway, client: httpx.Client, stranger: httpx.Client, submit: Submit
) -> None:
    job = submit()["id"]
    worker_hands.claim(gateway, job)
    answer = stranger.get(f"/api/v1/jobs/{job}", params={"include": "attempts"})
    is_problem(answer, 404, "not-found")
    assert AttemptHistory(gateway.database).of_job(new_id(), UUID(job)) == []


def test_it_goes_with_a_wait(gateway: Gateway, client: httpx.Client, submit: Submit) -> None:
    job = submit()["id"]
    worker_hands.doubt(gateway, worker_hands.claim(gateway, job))
    answer = client.get(f"/api/v1/jobs/{job}", params={"include": "attempts", "wait": 60})
    assert answer.json()["attempt_history"][0]["state"] == "in_doubt"
