"""What is sent again and what is not, and after which pauses."""

from functools import partial
from typing import Any

import pytest

from segq_client import ProblemError, SegqError, SetupError, Unreachable, calls
from segq_client.request import Answer, Request
from segq_client.retrying import Retrying
from tests.client.played import answer, on_stage

LOST = Unreachable("lost")
MODELS = answer(200, {"models": []})
JOB = answer(200, {"id": "a", "model": "m", "state": "queued"})


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_is_sent_again_while_the_gateway_or_its_proxy_is_away(status: int) -> None:
    stage = on_stage(LOST, Answer(status, {}, b"<h1>Away</h1>"), MODELS)
    assert stage.play(Retrying(3).answered(calls.models())) == []
    assert len(stage.asked) == 3


def test_every_post_has_a_key_that_stays_when_it_is_sent_again() -> None:
    posts: list[Request[Any]] = [
        calls.upload(b"x"),
        calls.submit({}),
        calls.estimate({}),
        calls.cancel("a", None),
        calls.retry("a"),
        calls.resolve("a", {}),
        calls.pause({}, ""),
        calls.resume({}),
    ]
    keys = {one.headers["Idempotency-Key"] for one in posts}
    assert len(keys) == len(posts)
    assert all(one.method == "POST" and one.may_repeat for one in posts)
    stage = on_stage(LOST, JOB)
    stage.play(Retrying(3).answered(calls.retry("a")))
    first, second = stage.asked
    assert first is second


def test_a_change_is_sent_once() -> None:
    stage = on_stage(LOST)
    with pytest.raises(Unreachable):
        stage.play(Retrying(3).answered(calls.change("a", {})))
    assert len(stage.asked) == 1


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_so_often_and_no_more(tries: int) -> None:
    stage = on_stage(LOST)
    with pytest.raises(Unreachable):
        stage.play(Retrying(tries).answered(calls.models()))
    assert len(stage.asked) == tries
    assert len(stage.pauses) == tries - 1


@pytest.mark.parametrize(
    ("trouble", "least"),
    [
        (LOST, 0.5),
        (answer(503, {}, Retry_After="3"), 3.0),
        (answer(503, {}, Retry_After="3600"), 5.0),
        (answer(409, {"type": "/problems/idempotency-key-in-use"}, Retry_After="1"), 1.0),
    ],
)
def test_pauses_are_what_was_said_within_bounds_and_up_to_a_quarter_more(
    trouble: Answer | SegqError, least: float
) -> None:
    for chance in (0.0, 0.5, 1.0):
        stage = on_stage(trouble, JOB)
        stage.play(Retrying(2, partial(float, chance)).answered(calls.retry("a")))
        assert stage.pauses == [least * (1 + chance / 4)]


@pytest.mark.parametrize(
    "refusal",
    [
        answer(400, {"type": "/problems/malformed-request"}),
        answer(429, {"type": "/problems/too-many-queued"}, Retry_After="1"),
        answer(500, {"type": "/problems/internal"}, Retry_After="1"),
        answer(308, None, Location="https://elsewhere"),
    ],
    ids=lambda one: str(one.status),
)
def test_a_refusal_for_good_is_told_at_once(refusal: Answer) -> None:
    stage = on_stage(refusal)
    with pytest.raises(ProblemError) as error:
        stage.play(Retrying(3).answered(calls.submit({})))
    assert error.value.repeat_after is None
    assert len(stage.asked) == 1


def test_it_is_tried_once_at_the_least() -> None:
    with pytest.raises(SetupError, match="tries must be 1 or more, not 0"):
        Retrying(0)
