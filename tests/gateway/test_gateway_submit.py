import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.gateway.conftest import SEED_INPUT, SMALL_INPUT, Submit
from tests.gateway.gateway_process import Gateway


def test_the_seeds_request_is_accepted_with_every_value_unchanged(
    client: httpx.Client, submit: Submit
) -> None:
    job = submit(SEED_INPUT)
    assert job["input"] == SEED_INPUT
    kept = client.get(f"/api/v1/jobs/{job['id']}").json()["input"]
    assert kept == SEED_INPUT
    assert {name: type(value) for name, value in kept.items()} == {
        name: type(value) for name, value in SEED_INPUT.items()
    }


def test_a_job_starts_with_the_defaults(gateway: Gateway, submit: Submit) -> None:
    before = datetime.now(UTC)
    job = submit()
    assert uuid.UUID(job["id"]).version == 7
    created = datetime.fromisoformat(job.pop("created_at"))
    assert before <= created <= datetime.now(UTC)
    assert job.pop("waiting_for") is not None
    own = f"{gateway.url}/api/v1/jobs/{job['id']}"
    assert job == {
        "id": job["id"],
        "model": "ssd-canny",
        "state": "queued",
        "input": {
            **SMALL_INPUT,
            "samples": 1,
            "scheduler": "DPM2 Karras",
            "num_inference_steps": 30,
            "guidance_scale": 7.5,
            "controlnet_scale": 0.5,
            "seed": -1,
            "base64": False,
        },
        "outputs": [],
        "cost": "0",
        "attempts": 0,
        "max_attempts": 3,
        "error": None,
        "position": None,
        "estimated_start": None,
        "seed": None,
        "priority": "normal",
        "group": "",
        "batch": None,
        "custom_id": None,
        "tags": [],
        "metadata": {},
        "run_at": None,
        "start_by": None,
        "finish_by": None,
        "started_at": None,
        "finished_at": None,
        "on_doubt": "hold",
        "doubt_deadline": None,
        "doubt": None,
        "cancel_requested": False,
        "note": None,
        "outputs_kept_until": None,
        "outputs_removed_at": None,
        "kept_until": None,
        "data_removed": False,
        "data_removed_at": None,
        "links": {"self": own, "cancel": f"{own}/cancel", "outputs": []},
    }


def test_the_location_leads_to_the_job(client: httpx.Client) -> None:
    accepted = client.post("/api/v1/jobs", json={"model": "ssd-canny", "input": SMALL_INPUT})
    assert accepted.status_code == 202
    assert client.get(accepted.headers["location"]).json()["id"] == accepted.json()["id"]


def test_every_member_of_the_envelope_is_kept(submit: Submit) -> None:
    run_at = datetime(2099, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    envelope: dict[str, Any] = {
        "priority": "high",
        "group": "customer 7, Zürich 🏔",
        "tags": ["a", "b", "a"],
        "max_attempts": 10,
        "metadata": {"order": 17, "nested": {"list": [1, 2.5, None, True, "x"]}},
        "run_at": "2099-01-02T05:04:05.678901+02:00",
        "start_by": "2099-01-03T00:00:00Z",
        "finish_by": "2099-01-04T00:00:00-01:00",
    }
    job = submit(**envelope)
    times = {
        "run_at": "2099-01-02T03:04:05.678901Z",
        "start_by": "2099-01-03T00:00:00Z",
        "finish_by": "2099-01-04T01:00:00Z",
    }
    assert {name: job[name] for name in envelope} == {**envelope, **times}
    assert job["state"] == "scheduled"
    assert job["waiting_for"] is None
    assert datetime.fromisoformat(job["run_at"]) == run_at


def test_null_means_not_given(submit: Submit) -> None:
    names = ("priority", "group", "tags", "run_at", "start_by", "finish_by", "metadata")
    job = submit(**dict.fromkeys(names), max_attempts=None)
    assert (job["priority"], job["group"], job["max_attempts"]) == ("normal", "", 3)


def test_a_run_at_that_has_passed_queues_at_once(submit: Submit) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert submit(run_at=past)["state"] == "queued"


def test_a_refusal_is_no_fault_of_the_server(gateway: Gateway, client: httpx.Client) -> None:
    before = len(gateway.log.read_bytes())
    unknown = f"/api/v1/jobs/{uuid.uuid4()}"
    assert client.post("/api/v1/jobs", json={}).status_code == 422
    assert client.post("/api/v1/jobs", content=b"").status_code == 415
    assert client.get(unknown).status_code == 404
    assert httpx.get(gateway.url + unknown).status_code == 401
    assert b"Traceback" not in gateway.log.read_bytes()[before:]
    assert b"ASGI" not in gateway.log.read_bytes()[before:]
