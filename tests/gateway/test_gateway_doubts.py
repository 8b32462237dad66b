"""What a tenant says of doubts when a job is submitted, and sees of one that is in doubt."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from api_gateway import documents
from db.job_pages import JobPages
from db.job_walks import JobFilter
from db.tenants import TenantStore
from jobs.states import State
from tests.gateway import worker_hands
from tests.gateway.conftest import Refuse, Submit
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


def read(client: httpx.Client, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
    documents.Job.model_validate(found)
    return found


@pytest.mark.parametrize("on_doubt", ["hold", "retry", "fail"])
def test_a_submit_says_how_a_doubt_is_to_end(
    client: httpx.Client, submit: Submit, on_doubt: str
) -> None:
    job = submit(on_doubt=on_doubt, doubt_deadline="2099-01-01T02:00:00+02:00")
    assert (job["on_doubt"], job["doubt_deadline"], job["doubt"]) == (on_doubt, LATER, None)
    assert read(client, job["id"])["doubt_deadline"] == LATER


@pytest.mark.parametrize("members", [{}, {"on_doubt": None, "doubt_deadline": None}])
def test_unless_it_says_something_a_doubt_is_held(submit: Submit, members: dict[str, Any]) -> None:
    job = submit(**members)
    assert (job["on_doubt"], job["doubt_deadline"]) == ("hold", None)


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("on_doubt", "guess", "must be one of ['hold', 'retry', 'fail']"),
        ("on_doubt", ["hold"], "must be one of ['hold', 'retry', 'fail']"),
        ("doubt_deadline", "2099-01-01T00:00:00", "must name its time zone"),
        ("doubt_deadline", "2020-01-01T00:00:00Z", "must be in the future"),
        ("doubt_deadline", "2030-01-01T00:00:00Z", "must be after run_at, 2031-01-01T00:00:00Z"),
        ("doubt_deadline", 7, "must be a time as RFC 3339 writes it"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    refuse: Refuse, member: str, value: Any, message: str
) -> None:
    wrong = refuse(run_at="2031-01-01T00:00:00Z", **{member: value})
    assert list(wrong) == [member]
    assert wrong[member].startswith(message)


def test_a_doubt_is_told_with_what_the_last_look_came_to(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job = submit()["id"]
    claimed = worker_hands.doubted(gateway, job)
    now = datetime.now(UTC)
    doubt = read(client, job)["doubt"]
    assert abs(datetime.fromisoformat(doubt.pop("since")) - now) < timedelta(seconds=60)
    assert datetime.fromisoformat(doubt.pop("next_look_at")) < now + timedelta(seconds=60)
    assert doubt == {
        "kind": "connection_lost",
        "message": "the connection broke",
        "estimate": "0.006",
        "looked": None,
    }
    worker_hands.succeed(gateway, claimed, picture())
    assert read(client, job)["doubt"] is None
    other = submit()["id"]
    worker_hands.doubted(gateway, other, "not in the history yet")
    doubt = read(client, other)["doubt"]
    assert doubt["looked"] == "not in the history yet"
    assert datetime.fromisoformat(doubt["next_look_at"]) > now + timedelta(minutes=50)


def test_jobs_in_doubt_are_listed_with_what_is_known_of_them(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    first, second, other = (submit()["id"] for _ in range(3))
    worker_hands.doubted(gateway, first, "looked once")
    worker_hands.doubted(gateway, second)
    listed = client.get("/api/v1/jobs", params={"state": "in_doubt"}).json()
    documents.JobList.model_validate(listed)
    told = [(one["id"], one["doubt"]["looked"]) for one in listed["items"]]
    assert told == [(second, None), (first, "looked once")]
    assert listed["items"][1] == read(client, first)
    everything = client.get("/api/v1/jobs").json()["items"]
    assert {one["id"]: bool(one["doubt"]) for one in everything} == {
        first: True,
        second: True,
        other: False,
    }


def test_a_page_asks_once_for_all_doubts_and_a_page_without_any_not_at_all(
    gateway: Gateway, client: httpx.Client, submit: Submit, tenant: str
) -> None:
    statements: list[str] = []
    owner = TenantStore(gateway.database).ensure(tenant)
    pages = JobPages(gateway.database)

    def of_attempts(*states: State) -> int:
        statements.clear()
        page = pages.page(owner, JobFilter(states=states), limit=50)
        assert all((job.doubt is not None) == (job.state is State.IN_DOUBT) for job in page.jobs)
        assert len(page.jobs) == 3
        return sum("attempts.in_doubt_at" in one for one in statements)

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    for job in [submit()["id"] for _ in range(3)]:
        worker_hands.doubted(gateway, job)
    for _ in range(3):
        submit(run_at=LATER)
    event.listen(gateway.database.engine, "before_cursor_execute", note)
    try:
        assert of_attempts(State.IN_DOUBT) == 1
        assert of_attempts(State.SCHEDULED) == 0
    finally:
        event.remove(gateway.database.engine, "before_cursor_execute", note)
