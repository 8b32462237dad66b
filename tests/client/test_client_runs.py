"""`run` and its result, lists and streams, over HTTP, in both clients."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from segq_client import JobFailedError, StillWaitingError, UnexpectedAnswerError
from tests.client.both_clients import Open
from tests.client.scripted_gateway import Answer, scripted

KEY = "segq_secret"
JOB = {"id": "a", "model": "ssd-1b", "state": "queued"}
IMAGES = (b"first image", b"second image")


def output(number: int) -> dict[str, Any]:
    image = IMAGES[number]
    return {
        "url": f"/api/v1/jobs/a/outputs/{number}",
        "content_type": ("image/jpeg", "image/webp; q=1")[number],
        "bytes": len(image),
        "sha256": hashlib.sha256(image).hexdigest(),
    }


DONE = {**JOB, "state": "succeeded", "cost": "0.012", "outputs": [output(0), output(1)]}
SUBMITTED, RUNNING = Answer(202, JOB), Answer(200, {**JOB, "state": "running"}, etag='"1"')
SUCCEEDED = Answer(200, DONE, etag='"2"')


def test_run_submits_waits_and_gives_what_was_made(open_client: Open, tmp_path: Path) -> None:
    files = [Answer(200, raw=image) for image in (*IMAGES[:1], *IMAGES, *IMAGES[:1])]
    script = (SUBMITTED, RUNNING, SUCCEEDED, *files)
    with scripted(*script) as (url, asked), open_client(url, KEY) as client:
        result = client.run(
            "ssd-1b", {"timeout": 3}, prompt="tea", timeout=20, fields={"group": "g"}
        )
        assert (result.job.state, str(result.cost), len(result.outputs)) == (
            "succeeded",
            "0.012",
            2,
        )
        assert result.save(tmp_path / "new" / "out.jpg").read_bytes() == IMAGES[0]
        saved = result.save_all(tmp_path / "all")
        assert result.read() == IMAGES[0]
    assert [one.name for one in saved] == ["ssd-1b-a-0.jpg", "ssd-1b-a-1.webp"]
    assert [one.read_bytes() for one in saved] == list(IMAGES)
    assert asked[0].body == b'{"model":"ssd-1b","input":{"timeout":3,"prompt":"tea"},"group":"g"}'
    assert [one.known for one in asked[1:3]] == [None, '"1"']
    lines = [one.line.split()[1].partition("?")[0] for one in asked]
    assert lines[:3] == ["/api/v1/jobs", "/api/v1/jobs/a", "/api/v1/jobs/a"]
    assert not list(tmp_path.rglob(".*"))


def test_a_replayed_submit_that_has_ended_is_not_waited_for(open_client: Open) -> None:
    with scripted(Answer(202, DONE)) as (url, asked), open_client(url, KEY) as client:
        assert client.run("ssd-1b", prompt="x", idempotency_key="mine").job.id == "a"
    assert [one.key for one in asked] == ["mine"]


def test_a_job_that_failed_is_an_error_that_has_it(open_client: Open) -> None:
    error = {"kind": "invalid_input", "message": "no", "advice": "mend it", "status": 400}
    failed = Answer(200, {**JOB, "state": "failed", "error": error})
    with scripted(SUBMITTED, failed) as (url, _), open_client(url, KEY) as client:
        with pytest.raises(JobFailedError, match="invalid_input: no\n  mend it") as raised:
            client.run("ssd-1b", prompt="x")
        assert raised.value.job.id == "a"


def test_when_the_time_is_up_the_job_is_told(open_client: Open) -> None:
    with scripted(SUBMITTED, RUNNING) as (url, _), open_client(url, KEY) as client:
        with pytest.raises(StillWaitingError, match=r"is still running after 0\.3 s") as raised:
            client.run("ssd-1b", prompt="x", timeout=0.3)
        assert raised.value.job.id == "a"


def test_a_stream_tells_each_change_and_ends(open_client: Open) -> None:
    script = (RUNNING, Answer(304, etag='"1"'), Answer(None), SUCCEEDED)
    with scripted(*script) as (url, asked), open_client(url, KEY) as client:
        told = [one.state for one in client.stream("a", timeout=20)]
    assert told == ["running", "succeeded"]
    assert [one.known for one in asked] == [None, '"1"', '"1"', '"1"']
    assert [one.line.split()[1] for one in asked[:2]] == ["/api/v1/jobs/a", "/api/v1/jobs/a?wait=1"]


def test_a_list_is_read_page_by_page_as_it_is_taken(open_client: Open) -> None:
    pages = [
        Answer(200, {"items": [JOB, JOB], "next_cursor": "c1"}),
        Answer(200, {"items": [], "next_cursor": "c2"}),
        Answer(200, {"items": [DONE], "next_cursor": None}),
    ]
    with scripted(*pages) as (url, asked), open_client(url, KEY) as client:
        found = client.jobs(state=["queued", "succeeded"], limit=2)
        assert next(found).id == "a"
        assert len(asked) == 1
        assert [one.state for one in found] == ["queued", "succeeded"]
    queries = [one.line.split()[1].partition("?")[2] for one in asked]
    wanted = "state=queued&state=succeeded&limit=2"
    assert queries == [wanted, f"{wanted}&cursor=c1", f"{wanted}&cursor=c2"]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda client: client.get("a"), "not a job"),
        (lambda client: next(client.jobs()), "not a list of jobs"),
        (lambda client: client.models(), "not a list of models"),
        (lambda client: client.estimate("m", {}), "not an estimate"),
        (lambda client: client.upload(b"x"), "not a kept image"),
        (lambda client: client.account(), "not an object"),
        (lambda client: client.budgets(), "not a list of budgets"),
        (lambda client: client.pauses(), "not a list of pauses"),
        (lambda client: client.resume(group="g"), "not the end of a pause"),
    ],
    ids=["get", "jobs", "models", "estimate", "upload", "account", "budgets", "pauses", "resume"],
)
@pytest.mark.parametrize("raw", [b"<h1>Welcome</h1>", b"[]", b"3", b"\xff"])
def test_a_success_that_is_no_answer_of_the_api(
    ask: Any, said: str, raw: bytes, open_client: Open
) -> None:
    with (
        scripted(Answer(200, raw=raw)) as (url, asked),
        open_client(url, KEY) as client,
        pytest.raises(UnexpectedAnswerError, match=said),
    ):
        ask(client)
    assert len(asked) == 1
