"""What is done to a batch as a whole, and what comes of it."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from db.batch_sweeps import BatchSweeps
from db.batch_upkeep import BatchUpkeep
from tests.gateway.batch_world import came, opened, read, send
from tests.gateway.conftest import is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture
from tests.gateway.worker_hands import claim, fail, succeed
from tests.systems.processes import wait_until

LINES = [{"custom_id": f"n{n}", "input": {"seed": n}} for n in range(6)]

Post = Callable[..., httpx.Response]


@pytest.fixture
def tend(gateway: Gateway) -> Callable[[], None]:
    """Upkeep's turns, until there is nothing left to do."""

    def turns() -> None:
        upkeep, sweeps = BatchUpkeep(gateway.database), BatchSweeps(gateway.database)
        begun = sweeps.begun(100)
        while upkeep.tend(100, begun).notes or begun:
            for batch_id in begun:
                sweeps.go_on(batch_id)
            begun = sweeps.begun(100)

    return turns


def jobs_of(client: httpx.Client, batch: dict[str, Any]) -> dict[str, str]:
    """The ids of its jobs by what the client calls them, in the order of its lines."""
    items = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    return {job["custom_id"]: job["id"] for job in reversed(items)}


def filled(client: httpx.Client, **members: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A batch with all lines, and its jobs."""
    batch = opened(client, **members)
    assert came(send(client, batch, LINES)) == (len(LINES), 0, 0)
    return batch, jobs_of(client, batch)


def verb(client: httpx.Client, batch: dict[str, Any], name: str, **options: Any) -> dict[str, Any]:
    response = client.post(f"/api/v1/batches/{batch['id']}/{name}", **options)
    assert response.is_success, response.text
    found: dict[str, Any] = response.json()
    return found


def test_its_counts_and_costs_are_those_of_its_jobs(
    gateway: Gateway, client: httpx.Client, tend: Callable[[], None]
) -> None:
    batch, jobs = filled(client)
    succeed(gateway, claim(gateway, jobs["n0"]), picture())
    fail(gateway, claim(gateway, jobs["n1"]), "0.004")
    claim(gateway, jobs["n2"])
    for _ in range(2):
        seen = read(client, batch)
        counted = {state: count for state, count in seen["counts"].items() if count}
        assert counted == {"succeeded": 1, "failed": 1, "running": 1, "queued": 3}
        assert (seen["cost"], seen["committed"]) == ("0.0099", "0.0259")
        # Those to come at the price of the one that has succeeded.
        assert seen["projected_cost"] == "0.0335"
        assert seen["images_per_minute"] == 1
        (error,) = seen["errors"]
        assert (error["kind"], error["count"], error["example"]) == (
            "result_rejected",
            1,
            jobs["n1"],
        )
        tend()
    job = client.get(f"/api/v1/jobs/{jobs['n0']}").json()
    assert (job["batch"], job["custom_id"]) == (batch["id"], "n0")


def test_a_cancel_ends_all_that_has_not_left(
    gateway: Gateway, client: httpx.Client, tend: Callable[[], None]
) -> None:
    batch, jobs = filled(client)
    running = claim(gateway, jobs["n0"])
    assert verb(client, batch, "cancel")["state"] == "canceling"
    is_problem(send(client, batch, [{"custom_id": "late"}]), 409, "illegal-move")
    tend()
    seen = read(client, batch)
    assert (seen["state"], seen["counts"]["canceled"]) == ("canceling", 5)
    succeed(gateway, running, picture())
    tend()
    seen = read(client, batch)
    assert (seen["state"], seen["counts"]["canceled"], seen["cost"]) == ("canceled", 6, "0.0059")
    assert seen["finished_at"] is not None
    assert verb(client, batch, "cancel") == seen


def test_a_paused_batch_waits_and_says_why(gateway: Gateway, client: httpx.Client) -> None:
    batch, jobs = filled(client)
    seen = verb(client, batch, "pause", json={"reason": "out of paper"})
    assert seen["pause"]["note"] == "out of paper"

    def waits() -> bool:
        job = client.get(f"/api/v1/jobs/{jobs['n0']}").json()
        return job["waiting_for"] == "paused" and "out of paper" in job["note"]

    # What jobs wait for is remembered for a moment.
    wait_until(waits, "its jobs say why they wait")
    assert verb(client, batch, "resume")["pause"] is None
    claim(gateway, jobs["n0"])


def test_it_stops_when_so_many_have_failed_and_goes_on_when_told(
    gateway: Gateway, client: httpx.Client, tend: Callable[[], None]
) -> None:
    batch, jobs = filled(client, on_error="stop_after_n", stop_after=2)
    fail(gateway, claim(gateway, jobs["n0"]))
    tend()
    assert read(client, batch)["pause"] is None
    fail(gateway, claim(gateway, jobs["n1"]))
    tend()
    assert "2 of its jobs have failed" in read(client, batch)["pause"]["note"]
    verb(client, batch, "resume")
    fail(gateway, claim(gateway, jobs["n2"]))
    tend()
    assert read(client, batch)["pause"] is None
    fail(gateway, claim(gateway, jobs["n3"]))
    tend()
    assert "4 of its jobs have failed" in read(client, batch)["pause"]["note"]


def test_what_failed_is_run_again(
    gateway: Gateway, client: httpx.Client, tend: Callable[[], None]
) -> None:
    batch, jobs = filled(client)
    for name in jobs:
        claimed = claim(gateway, jobs[name])
        fail(gateway, claimed) if name in {"n1", "n4"} else succeed(gateway, claimed, picture())
    verb(client, batch, "close")
    tend()
    assert read(client, batch)["state"] == "finished"
    again = verb(client, batch, "retry", params={"state": "failed"})
    assert (again["state"], again["doing"], again["finished_at"]) == ("running", "retry", None)
    tend()
    seen = read(client, batch)
    assert (seen["counts"]["queued"], seen["counts"]["succeeded"]) == (2, 4)
    for name in ("n1", "n4"):
        succeed(gateway, claim(gateway, jobs[name]), picture())
    tend()
    assert read(client, batch)["state"] == "finished"


def test_its_priority_becomes_that_of_all_that_wait(
    client: httpx.Client, tend: Callable[[], None]
) -> None:
    batch, jobs = filled(client)
    address = f"/api/v1/batches/{batch['id']}"
    changed = client.patch(address, json={"priority": "high", "budget": "1"})
    assert (changed.json()["priority"], changed.json()["budget"]) == ("high", "1")
    tend()
    assert client.get(f"/api/v1/jobs/{jobs['n5']}").json()["priority"] == "high"
    assert came(send(client, batch, [*LINES, {"custom_id": "late"}])) == (1, 6, 0)
    late = jobs_of(client, batch)["late"]
    assert client.get(f"/api/v1/jobs/{late}").json()["priority"] == "high"
    wrong = is_problem(
        client.patch(address, json={"budget": 5, "name": "x"}), 422, "invalid-fields"
    )
    assert {one["field"] for one in wrong["errors"]} == {"budget", "name"}


def test_results_come_in_the_order_of_lines_or_of_ends(
    gateway: Gateway, client: httpx.Client
) -> None:
    batch, jobs = filled(client)
    claimed = {name: claim(gateway, jobs[name]) for name in jobs}
    for name in ("n4", "n2"):
        succeed(gateway, claimed[name], picture())
    fail(gateway, claimed["n0"])
    address = f"/api/v1/batches/{batch['id']}/results"
    lines = [json.loads(line) for line in client.get(address).text.splitlines()]
    assert [line["custom_id"] for line in lines] == ["n0", "n2", "n4"]
    assert [line["position"] for line in lines] == [0, 2, 4]
    assert client.get(lines[1]["outputs"][0]["url"]).content == picture()
    assert lines[0]["error"]["kind"] == "result_rejected"
    found: list[str] = []
    wanted: dict[str, str] | None = {"limit": "1"}
    while wanted is not None:
        page = client.get(address, params=wanted)
        found += [json.loads(line)["custom_id"] for line in page.text.splitlines()]
        cursor = page.headers.get("Next-Cursor")
        wanted = {**wanted, "cursor": cursor} if cursor else None
    assert found == ["n0", "n2", "n4"]


def test_a_page_of_results_is_full_whatever_lies_between(
    gateway: Gateway, client: httpx.Client
) -> None:
    batch = opened(client)
    names = [f"n{n}" for n in range(12)]
    assert came(send(client, batch, [{"custom_id": one} for one in names])) == (12, 0, 0)
    items = client.get(
        "/api/v1/jobs", params={"group": f"batch:{batch['id']}", "limit": 20}
    ).json()["items"]
    for n, job in enumerate(reversed(items)):
        claimed = claim(gateway, job["id"])
        if n % 4 == 3:
            fail(gateway, claimed)
        else:
            succeed(gateway, claimed, picture("PNG"), content_type="image/png")
    address = f"/api/v1/batches/{batch['id']}/results"
    found, cursor = [], None
    while True:
        part: dict[str, Any] = {"state": "failed", "limit": 2}
        part |= {"cursor": cursor} if cursor else {}
        answer = client.get(address, params=part)
        page = [json.loads(line)["custom_id"] for line in answer.text.splitlines()]
        assert len(page) <= 2
        found.append(page)
        cursor = answer.headers.get("Next-Cursor")
        if cursor is None:
            break
    assert [name for page in found for name in page] == ["n3", "n7", "n11"]
    assert found[0] == ["n3", "n7"]
    is_problem(client.get(address, params={"limit": 10_001}), 422, "invalid-fields")


def test_results_are_followed_as_they_end(gateway: Gateway, client: httpx.Client) -> None:
    batch, jobs = filled(client)
    claimed = {name: claim(gateway, jobs[name]) for name in jobs}
    address = f"/api/v1/batches/{batch['id']}/results"
    wanted = {"order": "finished", "limit": "2"}

    found: list[str] = []

    def has_come(name: str) -> bool:
        page = client.get(address, params=wanted)
        wanted["cursor"] = page.headers["Next-Cursor"]
        found.extend(json.loads(line)["custom_id"] for line in page.text.splitlines())
        return name in found

    for name in ("n4", "n1", "n5"):
        succeed(gateway, claimed[name], picture())
    wait_until(lambda: has_come("n5"), "three have ended")
    succeed(gateway, claimed["n0"], picture())
    wait_until(lambda: has_come("n0"), "and one more")
    assert found == ["n4", "n1", "n5", "n0"]


def test_results_for_a_spreadsheet_hold_no_formula(gateway: Gateway, client: httpx.Client) -> None:
    batch = opened(client)
    came(send(client, batch, [{"custom_id": "=1+1"}, {"custom_id": "-2"}]))
    for job in jobs_of(client, batch).values():
        client.post(f"/api/v1/jobs/{job}/cancel")
    response = client.get(f"/api/v1/batches/{batch['id']}/results", params={"format": "csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["custom_id"] for row in rows] == ["'=1+1", "'-2"]
    assert {row["state"] for row in rows} == {"canceled"}


def test_rejected_lines_can_be_read_later(client: httpx.Client) -> None:
    batch = opened(client)
    came(send(client, batch, [*LINES, {"custom_id": "bad", "input": {"seed": "x"}}]))
    text = client.get(f"/api/v1/batches/{batch['id']}/rejected").text
    (line,) = [json.loads(one) for one in text.splitlines()]
    assert (line["line"], line["custom_id"]) == (7, "bad")
    assert line["errors"][0]["field"] == "input.seed"


def test_a_job_stays_in_its_batch_and_none_gets_in_by_its_name(client: httpx.Client) -> None:
    batch, jobs = filled(client)
    address = f"/api/v1/jobs/{jobs['n0']}"
    is_problem(client.patch(address, json={"group": "mine"}), 409, "illegal-move")
    assert client.patch(address, json={"tags": ["mine"]}).json()["tags"] == ["mine"]
    given = {"model": "ssd-1b", "input": {"prompt": "a"}, "group": f"batch:{batch['id']}"}
    wrong = is_problem(client.post("/api/v1/jobs", json=given), 422, "invalid-fields")
    assert [one["field"] for one in wrong["errors"]] == ["group"]
