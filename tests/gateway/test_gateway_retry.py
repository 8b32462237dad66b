import time

import httpx
import redis

from jobs.wire import ticket_queue
from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

QUEUE = ticket_queue("segmind")


def retry(client: httpx.Client, job_id: str) -> httpx.Response:
    return client.post(f"/api/v1/jobs/{job_id}/retry")


def test_a_failed_job_runs_again_and_what_it_cost_stays_booked(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job = submit(max_attempts=1, tags=["a"])
    worker_hands.fail(gateway, worker_hands.claim(gateway, job["id"]), "0.006")
    ended = client.get(f"/api/v1/jobs/{job['id']}").json()
    assert (ended["state"], ended["cost"]) == ("failed", "0.006")
    response = retry(client, job["id"])
    assert response.status_code == 200
    retried = response.json()
    assert retried.pop("waiting_for")
    changed = {"state": "queued", "error": None, "finished_at": None, "max_attempts": 2}
    ended.pop("waiting_for")
    assert retried == {**ended, **changed}
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job["id"]), picture())
    ended = client.get(f"/api/v1/jobs/{job['id']}").json()
    assert (ended["state"], ended["cost"], ended["attempts"]) == ("succeeded", "0.0119", 2)
    assert client.get(ended["outputs"][0]["url"]).content == picture()


def test_a_retried_job_gets_a_ticket(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit(run_at="2099-01-01T00:00:00Z")["id"]
    with redis.Redis.from_url(gateway.redis) as line:
        before = int(line.llen(QUEUE))
        assert retry(client, job_id).json()["run_at"] is None
        deadline = time.monotonic() + 5
        while int(line.llen(QUEUE)) == before:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_what_is_under_way_or_paid_is_refused_with_words(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]

    def is_refused(words: str) -> None:
        assert words in is_problem(retry(client, job_id), 409, "illegal-move")["detail"]

    is_refused("is queued already")
    claimed = worker_hands.claim(gateway, job_id)
    is_refused("is running")
    worker_hands.doubt(gateway, claimed)
    is_refused("may have been paid")
    worker_hands.succeed(gateway, claimed, picture())
    is_refused("submit it anew")


def test_a_canceled_job_runs_again(client: httpx.Client, submit: Submit) -> None:
    job_id = submit()["id"]
    client.post(f"/api/v1/jobs/{job_id}/cancel")
    retried = retry(client, job_id).json()
    assert (retried["state"], retried["cancel_requested"]) == ("queued", False)


def test_another_tenants_job_is_not_there(stranger: httpx.Client, submit: Submit) -> None:
    is_problem(retry(stranger, submit()["id"]), 404, "not-found")
    is_problem(retry(stranger, "x"), 404, "not-found")
