"""What the client sends again when an answer is lost, and what it does not."""

import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from cli.watching import watch
from segq_client import Client, Job, ProblemError, SegqError, Unreachable
from segq_client.job import job_from
from tests.client.both_clients import Open
from tests.client.scripted_gateway import Answer, scripted

KEY = "segq_secret"
JOB = {"id": "a", "model": "ssd-1b", "state": "queued"}
DONE = {**JOB, "state": "succeeded"}
LOST = Answer(None)
AWAY = Answer(503, {"type": "/problems/unavailable", "title": "Away"}, "1")
IN_USE = Answer(409, {"type": "/problems/idempotency-key-in-use", "title": "Under way"}, "1")
ILLEGAL = Answer(409, {"type": "/problems/illegal-move", "title": "Not now"}, "1")
TAKEN = Answer(202, JOB)

POSTS: list[Callable[[Client], object]] = [
    lambda client: client.submit("ssd-1b", {"prompt": "tea"}, priority="high"),
    lambda client: client.cancel("a"),
    lambda client: client.retry("a"),
    lambda client: client.resolve("a", "retry", "not there"),
]


@pytest.mark.parametrize("ask", POSTS, ids=["submit", "cancel", "retry", "resolve"])
@pytest.mark.parametrize("trouble", [LOST, AWAY, IN_USE], ids=["lost", "503", "in use"])
def test_a_post_is_sent_again_under_its_key(
    trouble: Answer, ask: Callable[[Client], object], open_client: Open
) -> None:
    with scripted(trouble, TAKEN) as (url, asked), open_client(url, KEY) as client:
        assert ask(client)
    first, second = asked
    assert first == second
    assert first.key


def test_an_upload_is_sent_again_under_its_key(open_client: Open) -> None:
    kept = Answer(201, {"reference": "segq:1"})
    with scripted(LOST, kept) as (url, asked), open_client(url, KEY) as client:
        assert client.upload(b"\xff\xd8\xff image", idempotency_key="mine") == "segq:1"
    assert [(one.key, one.body) for one in asked] == [("mine", b"\xff\xd8\xff image")] * 2


def test_each_submit_has_a_key_of_its_own_and_a_given_one_is_sent(open_client: Open) -> None:
    with scripted(TAKEN) as (url, asked), open_client(url, KEY) as client:
        client.submit("ssd-1b", {})
        client.submit("ssd-1b", {})
        client.submit("ssd-1b", {}, idempotency_key="order-1042")
    first, second, mine = (one.key for one in asked)
    assert first != second
    assert mine == "order-1042"
    assert b"order-1042" not in asked[2].body


@pytest.mark.parametrize(
    ("trouble", "error"), [(LOST, Unreachable), (AWAY, ProblemError), (IN_USE, ProblemError)]
)
def test_after_three_tries_the_error_is_told(
    trouble: Answer, error: type[SegqError], open_client: Open
) -> None:
    with scripted(trouble) as (url, asked), open_client(url, KEY) as client, pytest.raises(error):
        client.submit("ssd-1b", {})
    assert len(asked) == 3


@pytest.mark.parametrize("refusal", [ILLEGAL, Answer(422), Answer(500, retry_after="1")])
def test_what_would_be_refused_again_is_sent_once(refusal: Answer, open_client: Open) -> None:
    with (
        scripted(refusal) as (url, asked),
        open_client(url, KEY) as client,
        pytest.raises(ProblemError),
    ):
        client.retry("a")
    assert len(asked) == 1


def test_a_change_is_sent_once(open_client: Open) -> None:
    with (
        scripted(AWAY) as (url, asked),
        open_client(url, KEY) as client,
        pytest.raises(ProblemError),
    ):
        client.change("a", priority="high", group=None)
    (one,) = asked
    assert one.line.startswith("PATCH /api/v1/jobs/a ")
    assert (one.key, one.body) == (None, b'{"priority":"high","group":null}')


def test_a_cancel_and_a_resolve_say_what_was_given_and_no_more(open_client: Open) -> None:
    with scripted(TAKEN) as (url, asked), open_client(url, KEY) as client:
        client.cancel("a")
        client.cancel("a", image="drop")
        client.resolve("a", "failed", "nobody wants it")
        client.resolve("a", "succeeded", "found it", request_id="r-1", output="segq:1")
    assert [one.body for one in asked] == [
        b"",
        b'{"image":"drop"}',
        b'{"as":"failed","note":"nobody wants it"}',
        b'{"as":"succeeded","note":"found it","request_id":"r-1","output":"segq:1"}',
    ]
    assert asked[3].line.startswith("POST /api/v1/jobs/a/resolve ")


def test_a_doubt_is_read_and_a_gateway_that_tells_of_none_is_too() -> None:
    doubt = {"since": "2026-03-01T12:00:00Z", "kind": "worker_lost", "estimate": "0.006"}
    more = {"on_doubt": "fail", "doubt_deadline": "2026-03-02T12:00:00Z", "doubt": doubt}
    job = job_from({**JOB, **more})
    assert (job.on_doubt, job.doubt_deadline) == ("fail", "2026-03-02T12:00:00Z")
    assert job.doubt is not None
    assert (job.doubt.kind, job.doubt.estimate, job.doubt.looked) == (
        "worker_lost",
        Decimal("0.006"),
        None,
    )
    plain = job_from(JOB)
    assert (plain.on_doubt, plain.doubt_deadline, plain.doubt) == (None, None, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2), ("3600", 5), ("0", 0.5), (None, 0.5), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.5)],
)
def test_retry_after_is_heeded_within_bounds(
    header: str | None, seconds: float, open_client: Open
) -> None:
    away = Answer(503, retry_after=header)
    with scripted(away) as (url, _), open_client(url, KEY) as client:
        with pytest.raises(ProblemError) as error:
            client.get("a")
        assert error.value.repeat_after == seconds


def by_wait(client: Client, seconds: float) -> Job:
    return client.wait("a", timeout=seconds)


def by_watch(client: Client, seconds: float) -> Job:
    return watch(client, job_from(JOB), seconds, "cancel it")


@pytest.mark.parametrize("waiting", [by_wait, by_watch])
def test_waiting_outlasts_a_gateway_without_its_database(
    waiting: Callable[[Client, float], Job], open_client: Open
) -> None:
    with scripted(AWAY, LOST, Answer(200, DONE)) as (url, asked), open_client(url, KEY) as client:
        began = time.monotonic()
        assert waiting(client, 20).state == "succeeded"
        assert time.monotonic() - began >= 1  # the answer's own Retry-After
    assert len(asked) == 3


@pytest.mark.parametrize("waiting", [by_wait, by_watch])
def test_waiting_ends_with_the_last_refusal(
    waiting: Callable[[Client, float], Job], open_client: Open
) -> None:
    with scripted(AWAY) as (url, _), open_client(url, KEY) as client:
        began = time.monotonic()
        with pytest.raises(ProblemError, match="503"):
            waiting(client, 1.2)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("waiting", [by_wait, by_watch])
def test_waiting_for_what_is_not_there_ends_at_once(
    waiting: Callable[[Client, float], Job], open_client: Open
) -> None:
    with (
        scripted(Answer(404)) as (url, asked),
        open_client(url, KEY) as client,
        pytest.raises(ProblemError, match="404"),
    ):
        waiting(client, 20)
    assert len(asked) == 1
