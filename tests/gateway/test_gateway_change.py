from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

CHANGEABLE = "priority, group, tags, start_by, finish_by, on_doubt, doubt_deadline"

Change = Callable[..., httpx.Response]


@pytest.fixture
def change(client: httpx.Client) -> Change:
    def one(job_id: str, **members: Any) -> httpx.Response:
        return client.patch(f"/api/v1/jobs/{job_id}", json=members)

    return one


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json"])
@pytest.mark.parametrize("run_at", [None, "2098-01-01T00:00:00Z"])
def test_a_waiting_job_is_changed_and_nothing_else_of_it(
    client: httpx.Client, submit: Submit, kind: str, run_at: str | None
) -> None:
    job = submit(run_at=run_at, metadata={"order": 7}, tags=["old"], group="g")
    members = {
        "priority": "high",
        "tags": ["new", "newer"],
        "start_by": "2099-01-01T00:00:00Z",
        "finish_by": "2099-01-02T00:00:00Z",
        "on_doubt": "fail",
        "doubt_deadline": "2099-01-03T00:00:00Z",
    }
    response = client.patch(
        f"/api/v1/jobs/{job['id']}",
        content=httpx.Request("PATCH", "http://x", json=members).content,
        headers={"Content-Type": kind},
    )
    assert response.status_code == 200, response.text
    job.pop("waiting_for")
    found = response.json()
    assert (found.pop("waiting_for") is None) == (run_at is not None)
    assert found == {**job, **members}


def test_null_sets_a_member_back(submit: Submit, change: Change) -> None:
    later = "2099-01-01T00:00:00Z"
    doubts = {"on_doubt": "retry", "doubt_deadline": later}
    job = submit(priority="low", group="g", tags=["a"], start_by=later, finish_by=later, **doubts)
    names = ("priority", "group", "tags", "start_by", "finish_by", *doubts)
    found = change(job["id"], **dict.fromkeys(names)).json()
    assert {name: found[name] for name in names} == {
        "priority": "normal",
        "group": "",
        "tags": [],
        "start_by": None,
        "finish_by": None,
        "on_doubt": "hold",
        "doubt_deadline": None,
    }


def test_an_empty_change_changes_nothing(submit: Submit, change: Change) -> None:
    job = submit(tags=["a"])
    response = change(job["id"])
    assert response.status_code == 200
    job.pop("waiting_for")
    found = response.json()
    found.pop("waiting_for")
    assert found == job


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("priority", "urgent", "must be one of ['high', 'normal', 'low']"),
        ("group", "g" * 201, "must be a string of at most 200 characters"),
        ("group", "a\0b", "must not contain NUL"),
        ("tags", ["t"] * 21, "must be a list of at most 20 strings"),
        ("tags", "one", "must be a list of at most 20 strings"),
        ("start_by", "2020-01-01T00:00:00Z", "must be in the future"),
        ("finish_by", "2099-01-01T00:00:00", "must name its time zone"),
        ("finish_by", "2098-01-01T00:00:00Z", "must be after run_at, 2098-01-01T00:00:00Z"),
        ("doubt_deadline", "2098-01-01T00:00:00Z", "must be after run_at, 2098-01-01T00:00:00Z"),
        ("doubt_deadline", "2099-01-01T00:00:00", "must name its time zone"),
        ("on_doubt", "guess", "must be one of ['hold', 'retry', 'fail']"),
        ("start_by", "2097-01-01T00:00:00Z", "must be after run_at, 2098-01-01T00:00:00Z"),
        ("input", {}, "cannot be changed of a job that was accepted; only " + CHANGEABLE),
        ("run_at", None, "cannot be changed of a job that was accepted; only " + CHANGEABLE),
        ("max_attempts", 5, "cannot be changed of a job that was accepted; only " + CHANGEABLE),
        ("colour", "red", "is no member that can be changed; those are " + CHANGEABLE),
    ],
)
def test_a_wrong_member_is_named_and_nothing_changes(
    client: httpx.Client, submit: Submit, change: Change, member: str, value: Any, message: str
) -> None:
    job = submit(run_at="2098-01-01T00:00:00Z")
    members: dict[str, Any] = {"priority": "high", member: value}
    problem = is_problem(change(job["id"], **members), 422, "invalid-fields")
    assert [error["field"] for error in problem["errors"]] == [member]
    assert problem["errors"][0]["message"].startswith(message)
    assert client.get(f"/api/v1/jobs/{job['id']}").json() == job


def test_every_wrong_member_is_named_at_once(submit: Submit, change: Change) -> None:
    response = change(submit()["id"], priority=1, group=2, colour=3)
    problem = is_problem(response, 422, "invalid-fields")
    assert {error["field"] for error in problem["errors"]} == {"priority", "group", "colour"}


@pytest.mark.parametrize("raw", ["[]", '"x"', "null", "3"])
def test_a_change_must_be_an_object(client: httpx.Client, submit: Submit, raw: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.patch(f"/api/v1/jobs/{submit()['id']}", content=raw, headers=headers)
    problem = is_problem(response, 422, "invalid-fields")
    assert [error["field"] for error in problem["errors"]] == ["body"]


def test_another_content_type_is_refused(client: httpx.Client, submit: Submit) -> None:
    response = client.patch(
        f"/api/v1/jobs/{submit()['id']}", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    is_problem(response, 415, "wrong-content-type")
    assert response.headers["accept-patch"] == "application/json, application/merge-patch+json"


def test_a_job_that_does_not_wait_is_not_changed(
    gateway: Gateway, submit: Submit, change: Change
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    problem = is_problem(change(job_id, group="g"), 409, "illegal-move")
    assert problem["detail"].startswith("the job is running: only one that waits")
    is_problem(change(job_id, on_doubt="fail"), 409, "illegal-move")
    worker_hands.doubt(gateway, claimed)
    problem = is_problem(change(job_id, group="g", on_doubt="fail"), 409, "illegal-move")
    assert problem["detail"] == (
        "the job is in_doubt: only on_doubt and doubt_deadline of it can be changed now"
    )
    later = "2099-01-01T00:00:00Z"
    found = change(job_id, on_doubt="fail", doubt_deadline=later).json()
    assert (found["state"], found["on_doubt"], found["doubt_deadline"]) == (
        "in_doubt",
        "fail",
        later,
    )
    worker_hands.succeed(gateway, claimed, picture())
    is_problem(change(job_id, group="g"), 409, "illegal-move")


def test_start_by_means_nothing_once_a_job_has_started(
    gateway: Gateway, client: httpx.Client, submit: Submit, change: Change
) -> None:
    job_id = submit()["id"]
    worker_hands.fail(gateway, worker_hands.claim(gateway, job_id))
    client.post(f"/api/v1/jobs/{job_id}/retry")
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    problem = is_problem(change(job_id, start_by=soon), 422, "invalid-fields")
    assert problem["errors"][0]["message"].startswith("bounds the first start only")
    assert change(job_id, finish_by=soon, start_by=None).status_code == 200


def test_another_tenants_job_is_not_there(stranger: httpx.Client, submit: Submit) -> None:
    response = stranger.patch(f"/api/v1/jobs/{submit()['id']}", json={"group": "mine"})
    is_problem(response, 404, "not-found")
