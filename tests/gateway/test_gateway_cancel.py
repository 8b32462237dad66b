import httpx

from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture


def cancel(client: httpx.Client, job_id: str) -> httpx.Response:
    return client.post(f"/api/v1/jobs/{job_id}/cancel")


def test_a_queued_job_ends_at_once(client: httpx.Client, submit: Submit) -> None:
    job_id = submit()["id"]
    response = cancel(client, job_id)
    assert response.status_code == 200
    canceled = response.json()
    assert canceled["state"] == "canceled"
    assert canceled["waiting_for"] is None
    assert canceled["note"] is None
    assert canceled["finished_at"]
    assert cancel(client, job_id).json() == canceled


def test_a_scheduled_job_ends_at_once(client: httpx.Client, submit: Submit) -> None:
    job_id = submit(run_at="2099-01-01T00:00:00Z")["id"]
    assert cancel(client, job_id).json()["state"] == "canceled"


def test_a_running_job_says_honestly_that_its_call_has_left(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    asked = cancel(client, job_id).json()
    assert asked["state"] == "running"
    assert asked["cancel_requested"] is True
    assert "let finish and what it costs is booked" in asked["note"]
    worker_hands.succeed(gateway, claimed, picture())
    ended = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (ended["state"], ended["cost"], ended["note"]) == ("canceled", "0.0059", None)


def test_a_job_that_has_ended_is_not_canceled(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job_id), picture())
    problem = is_problem(cancel(client, job_id), 409, "illegal-move")
    assert problem["detail"] == "the job has already ended as succeeded"


def test_a_job_in_doubt_is_not_canceled(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    worker_hands.doubt(gateway, worker_hands.claim(gateway, job_id))
    problem = is_problem(cancel(client, job_id), 409, "illegal-move")
    assert "may have been paid" in problem["detail"]
