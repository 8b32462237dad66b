import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api_gateway import documents
from api_gateway.list_route import LARGEST_PAGE
from segq_client import Client
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, Submit, is_problem
from tests.gateway.gateway_on import gateway_on
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

LATER = "2099-01-01T00:00:00Z"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_on(request, tmp_path_factory) as found:
        yield found


def listed(client: httpx.Client, **query: Any) -> list[str]:
    """The ids of a list of one page."""
    response = client.get("/api/v1/jobs", params=query)
    assert response.status_code == 200, response.text
    assert response.json()["next_cursor"] is None
    return [job["id"] for job in response.json()["items"]]


def wrong_fields(client: httpx.Client, **query: Any) -> dict[str, str]:
    problem = is_problem(client.get("/api/v1/jobs", params=query), 422, "invalid-fields")
    return {error["field"]: error["message"] for error in problem["errors"]}


def test_an_empty_list_is_one_page(client: httpx.Client) -> None:
    assert client.get("/api/v1/jobs").json() == {"items": [], "next_cursor": None}


def test_items_are_the_jobs_as_they_are_read_one_by_one(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    first = submit()
    worker_hands.succeed(
        gateway, worker_hands.claim(gateway, first["id"]), picture(), picture(colour="navy")
    )
    submit(run_at=LATER)
    waits = submit()
    response = client.get("/api/v1/jobs")
    documents.JobList.model_validate(response.json())
    items = response.json()["items"]
    # A place in the queue is told of a job that is read by itself.
    unlisted = {"position": None, "estimated_start": None, "note": None}
    one_by_one = [client.get(f"/api/v1/jobs/{item['id']}").json() for item in items]
    assert items == [{**one, **unlisted} for one in one_by_one]
    assert items[0]["id"] == waits["id"]
    assert items[0]["waiting_for"] == "slot"
    assert [len(item["outputs"]) for item in items] == [0, 0, 2]


def test_every_filter(gateway: Gateway, client: httpx.Client, submit: Submit) -> None:
    done = submit(tags=["a", "b,c"], group="g")["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, done), picture())
    later = submit(run_at=LATER, tags=["a"])["id"]
    canceled = submit(run_at=LATER, tags=["a", "a"])["id"]
    client.post(f"/api/v1/jobs/{canceled}/cancel")
    waits = submit(group="g")["id"]

    assert listed(client) == [waits, canceled, later, done]
    assert listed(client, state="queued") == [waits]
    assert listed(client, state="queued,succeeded") == [waits, done]
    assert listed(client, state=["queued", "canceled,succeeded"]) == [waits, canceled, done]
    assert listed(client, state="in_doubt") == []
    assert listed(client, model="ssd-canny") == [waits, canceled, later, done]
    assert listed(client, model="retired-long-ago") == []
    assert listed(client, tag="a") == [canceled, later, done]
    assert listed(client, tag=["a", "b,c"]) == [done]
    assert listed(client, tag="b") == []
    assert listed(client, group="g") == [waits, done]
    assert listed(client, group="") == [canceled, later]
    assert listed(client, group="g", state="succeeded", tag=["b,c", "a"]) == [done]
    middle = client.get(f"/api/v1/jobs/{canceled}").json()["created_at"]
    assert listed(client, created_after=middle) == [waits, canceled]
    assert listed(client, created_before=middle) == [later, done]
    assert listed(client, created_after=middle, created_before=middle) == []
    east = datetime.fromisoformat(middle) + timedelta(hours=5, minutes=30)
    written = east.replace(tzinfo=None).isoformat() + "+05:30"
    assert listed(client, created_after=written, group="g") == [waits]


def test_pages_hold_every_job_once_though_others_come_meanwhile(
    client: httpx.Client, submit: Submit
) -> None:
    there = [submit(run_at=LATER)["id"] for _ in range(12)][::-1]
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            submit(run_at=LATER)

    beside = threading.Thread(target=disturb)
    beside.start()
    try:
        found, cursor = [], None
        while True:
            query = {"limit": 5, **({"cursor": cursor} if cursor else {})}
            page = client.get("/api/v1/jobs", params=query).json()
            assert len(page["items"]) <= 5
            found += [job["id"] for job in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    finally:
        stop.set()
        beside.join()
    assert len(set(found)) == len(found)
    assert [one for one in found if one in there] == there


def test_a_page_that_is_just_full_is_the_last(client: httpx.Client, submit: Submit) -> None:
    made = [submit(run_at=LATER)["id"] for _ in range(3)]
    assert listed(client, limit=3) == made[::-1]
    assert client.get("/api/v1/jobs", params={"limit": 2}).json()["next_cursor"]


def test_a_page_of_fat_jobs_ends_after_a_megabyte(client: httpx.Client, submit: Submit) -> None:
    fat = {"metadata": {"x": "é" * 8_000}, "run_at": LATER}
    given = {**SMALL_INPUT, "prompt": "é" * 10_000}
    made = [submit(given, **fat)["id"] for _ in range(60)]
    found: list[str] = []
    sizes: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        query: dict[str, Any] = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        response = client.get("/api/v1/jobs", params=query)
        found += [job["id"] for job in response.json()["items"]]
        sizes.append(len(response.content))
        cursor = response.json()["next_cursor"]
    assert found == made[::-1]
    assert len(sizes) == 3
    assert 950_000 < sizes[0] <= LARGEST_PAGE + 1_000


def test_a_cursor_belongs_to_its_filter(client: httpx.Client, submit: Submit) -> None:
    for _ in range(3):
        submit(run_at=LATER, tags=["a", "b"])
    query: dict[str, Any] = {"tag": ["a", "b"], "state": "scheduled,queued", "limit": 1}
    cursor = client.get("/api/v1/jobs", params=query).json()["next_cursor"]
    # Another length, and the same filter in other words, are no other filter.
    same = {"tag": ["b", "a", "a"], "state": ["queued", "scheduled"], "limit": 2, "cursor": cursor}
    assert len(listed(client, **same)) == 2
    for other in ({}, {"tag": "a"}, {**query, "group": ""}, {**query, "created_after": LATER}):
        wrong = wrong_fields(client, **{**other, "cursor": cursor})
        assert list(wrong) == ["cursor"]
        assert "another filter" in wrong["cursor"]


@pytest.mark.parametrize("cursor", ["", "x", "A" * 44, "A" * 45, "é" * 44, "AQ" + "=" * 42, "\0"])
def test_a_cursor_that_is_none_is_refused(client: httpx.Client, cursor: str) -> None:
    assert list(wrong_fields(client, cursor=cursor)) == ["cursor"]


def test_a_cursor_that_was_changed_is_refused_or_is_another_place(
    client: httpx.Client, stranger: httpx.Client, submit: Submit
) -> None:
    for _ in range(2):
        submit(run_at=LATER)
    cursor: str = client.get("/api/v1/jobs", params={"limit": 1}).json()["next_cursor"]
    for n, letter in enumerate(cursor):
        changed = cursor[:n] + ("A" if letter != "A" else "B") + cursor[n + 1 :]
        response = client.get("/api/v1/jobs", params={"cursor": changed})
        # In the middle stands an id: that of another place in one's own list.
        assert response.status_code == 422 or 1 <= n <= 22, (n, response.text)
        assert response.status_code in {200, 422}
    # A stranger's cursor shows nothing that is not one's own.
    assert stranger.get("/api/v1/jobs", params={"cursor": cursor}).json()["items"] == []


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ({"state": "done"}, "state", "must be one or several of scheduled, queued"),
        ({"state": "queued,"}, "state", "must be one or several of"),
        ({"state": ""}, "state", "must be one or several of"),
        ({"model": "x" * 101}, "model", "at most 100 characters"),
        ({"model": ["a", "b"]}, "model", "once, not 2 times"),
        ({"tag": "x" * 101}, "tag", "at most 100 characters"),
        ({"tag": [str(n) for n in range(21)]}, "tag", "at most 20 tags"),
        ({"tag": "a\0b"}, "tag", "NUL"),
        ({"group": "x" * 201}, "group", "at most 200 characters"),
        ({"created_after": "2026-01-31"}, "created_after", "must name its time zone"),
        ({"created_before": "soon"}, "created_before", "RFC 3339"),
        ({"created_before": "2026-01-31T12:00:00 02:00"}, "created_before", "%2B"),
        ({"limit": "0"}, "limit", "from 1 to 200"),
        ({"limit": "201"}, "limit", "from 1 to 200"),
        ({"limit": "²"}, "limit", "from 1 to 200"),
        ({"limit": "1" * 10_000}, "limit", "from 1 to 200"),
        ({"sort": "asc"}, "sort", "it has state, model, tag"),
    ],
)
def test_what_is_wrong_in_a_query_is_named(
    client: httpx.Client, query: dict[str, Any], field: str, message: str
) -> None:
    wrong = wrong_fields(client, **query)
    assert list(wrong) == [field]
    assert message in wrong[field]


def test_everything_that_is_wrong_is_named_at_once(client: httpx.Client) -> None:
    wrong = wrong_fields(client, states="queued", limit="many", state="done", cursor="x")
    assert set(wrong) == {"states", "limit", "state"}


def test_a_stranger_sees_none_of_it(
    client: httpx.Client, stranger: httpx.Client, submit: Submit
) -> None:
    submit(tags=["a"], group="g")
    for query in ({}, {"tag": "a"}, {"group": "g"}, {"state": "queued"}, {"model": "ssd-canny"}):
        assert listed(stranger, **query) == []
        assert len(listed(client, **query)) == 1
    assert stranger.get("/api/v1/account").json()["jobs"]["queued"] == 0


def test_the_client_goes_through_all_pages(gateway: Gateway, tenant: str) -> None:
    with Client(gateway.url, gateway.key(tenant)) as segq:
        made = [
            segq.submit("ssd-canny", SMALL_INPUT, tags=["a"], run_at=LATER).id for _ in range(5)
        ]
        segq.submit("ssd-canny", SMALL_INPUT, run_at=LATER)
        found = segq.jobs(tag=["a"], state="scheduled", limit=2)
        assert [job.id for job in found] == made[::-1]
        soon = datetime.now(UTC) + timedelta(hours=1)
        assert list(segq.jobs(created_after=soon.isoformat())) == []


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/account"])
def test_nothing_is_listed_without_a_key(gateway: Gateway, path: str) -> None:
    is_problem(httpx.get(gateway.url + path), 401, "unauthorized")
