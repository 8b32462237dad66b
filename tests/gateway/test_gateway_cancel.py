import httpx
import pytest

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
    assert canceled["note"] == "Canceled before anything was sent to Segmind: it cost nothing."
    assert canceled["finished_at"]
    assert cancel(client, job_id).json() == canceled
    assert client.get(f"/api/v1/jobs/{job_id}").json() == canceled


def test_a_scheduled_job_ends_at_once(client: httpx.Client, submit: Submit) -> None:
    job_id = submit(run_at="2099-01-01T00:00:00Z")["id"]
    assert cancel(client, job_id).json()["state"] == "canceled"


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ("0.006", "The 0.006 USD of its earlier calls stays booked."),
        ("0", "Its earlier calls cost nothing."),
    ],
)
def test_a_waiting_job_that_was_called_before_says_what_stays_booked(
    gateway: Gateway, client: httpx.Client, submit: Submit, cost: str, words: str
) -> None:
    job_id = submit()["id"]
    worker_hands.fail(gateway, worker_hands.claim(gateway, job_id), cost)
    assert client.post(f"/api/v1/jobs/{job_id}/retry").json()["state"] == "queued"
    canceled = cancel(client, job_id).json()
    assert canceled["cost"] == cost
    assert canceled["note"] == f"Canceled: nothing more is sent to Segmind. {words}"


def test_a_running_job_says_honestly_that_its_call_has_left(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    asked = cancel(client, job_id).json()
    assert asked["state"] == "running"
    assert asked["cancel_requested"] is True
    assert "let finish and what it costs is booked" in asked["note"]
    assert cancel(client, job_id).json() == asked
    worker_hands.succeed(gateway, claimed, picture())
    ended = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (ended["state"], ended["cost"]) == ("canceled", "0.0059")
    assert "its image is kept, and the 0.0059 USD" in ended["note"]
    assert client.get(ended["outputs"][0]["url"]).content == picture()
    assert cancel(client, job_id).json() == ended


def test_a_job_that_has_ended_is_not_canceled(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job_id), picture())
    problem = is_problem(cancel(client, job_id), 409, "illegal-move")
    assert problem["detail"] == "the job has already ended as succeeded"


def test_a_job_in_doubt_keeps_the_wish_and_tells_of_the_money(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    worker_hands.doubt(gateway, claimed)
    asked = cancel(client, job_id).json()
    assert (asked["state"], asked["cancel_requested"]) == ("in_doubt", True)
    assert "it may have been paid" in asked["note"]
    assert "if not, it is not sent again" in asked["note"]
    assert cancel(client, job_id).json() == asked
    worker_hands.succeed(gateway, claimed, picture())
    ended = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (ended["state"], ended["cost"]) == ("succeeded", "0.0059")
    assert ended["note"].startswith("Cancel was asked for, but its call to Segmind had run")
    assert client.get(ended["outputs"][0]["url"]).content == picture()


def test_another_tenants_job_is_not_there(stranger: httpx.Client, submit: Submit) -> None:
    is_problem(cancel(stranger, submit()["id"]), 404, "not-found")
