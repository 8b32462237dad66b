from typing import Any

import httpx
import pytest

from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture


def cancel(client: httpx.Client, job_id: str, **body: Any) -> httpx.Response:
    return client.post(f"/api/v1/jobs/{job_id}/cancel", json=body or None)


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


def test_an_image_that_is_not_wanted_is_paid_for_and_not_kept(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    assert cancel(client, job_id, image="keep").json()["note"].endswith("its image is kept.")
    asked = cancel(client, job_id, image="drop").json()
    assert (asked["state"], asked["cancel_requested"]) == ("running", True)
    assert asked["note"].endswith("its image is not kept, as was wished.")
    # Who says nothing of the image takes back nothing.
    assert cancel(client, job_id).json() == cancel(client, job_id, image=None).json() == asked
    worker_hands.succeed(gateway, claimed, picture())
    ended = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (ended["state"], ended["cost"], ended["outputs"]) == ("canceled", "0.0059", [])
    assert "its image is not kept, as was wished, and the 0.0059 USD" in ended["note"]
    assert cancel(client, job_id, image="keep").json() == ended


def test_a_wish_can_be_taken_back_while_the_call_is_under_way(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    cancel(client, job_id, image="drop")
    assert cancel(client, job_id, image="keep").json()["note"].endswith("its image is kept.")
    worker_hands.succeed(gateway, claimed, picture())
    ended = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (ended["state"], len(ended["outputs"])) == ("canceled", 1)


def test_of_a_call_in_doubt_the_image_may_be_unwanted_too(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.doubted(gateway, job_id)
    asked = cancel(client, job_id, image="drop").json()
    assert "its image is not kept, as was wished and its cost booked" in asked["note"]
    worker_hands.succeed(gateway, claimed, picture())
    ended = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (ended["state"], ended["outputs"]) == ("canceled", [])
    assert "not kept, as was wished, and the 0.0059 USD" in ended["note"]


def test_a_call_that_brought_nothing_is_not_said_to_have_been_dropped(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    cancel(client, job_id, image="drop")
    worker_hands.fail(gateway, claimed)
    note = client.get(f"/api/v1/jobs/{job_id}").json()["note"]
    assert note == "Canceled: nothing more is sent to Segmind. Its earlier calls cost nothing."


def test_a_waiting_job_has_no_image_to_drop(client: httpx.Client, submit: Submit) -> None:
    canceled = cancel(client, submit()["id"], image="drop").json()
    assert canceled["note"] == "Canceled before anything was sent to Segmind: it cost nothing."


@pytest.mark.parametrize(
    ("raw", "kind", "status", "name"),
    [
        (b'{"image": "burn"}', "application/json", 422, "invalid-fields"),
        (b'{"image": ["keep"]}', "application/json", 422, "invalid-fields"),
        (b'{"picture": "keep"}', "application/json", 422, "invalid-fields"),
        (b'"drop"', "application/json", 422, "invalid-fields"),
        (b'{"image"', "application/json", 400, "malformed-request"),
        (b'{"image": "drop"}', "application/x-www-form-urlencoded", 415, "wrong-content-type"),
    ],
)
def test_a_wish_that_cannot_be_read_cancels_nothing(
    client: httpx.Client, submit: Submit, raw: bytes, kind: str, status: int, name: str
) -> None:
    job_id = submit()["id"]
    headers = {"Content-Type": kind}
    response = client.post(f"/api/v1/jobs/{job_id}/cancel", content=raw, headers=headers)
    is_problem(response, status, name)
    assert client.get(f"/api/v1/jobs/{job_id}").json()["state"] == "queued"


def test_another_tenants_job_is_not_there(stranger: httpx.Client, submit: Submit) -> None:
    is_problem(cancel(stranger, submit()["id"]), 404, "not-found")
