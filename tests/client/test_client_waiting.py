"""Waiting and streaming as flows: what is asked when, without a clock that runs."""

from typing import Any

import pytest

from segq_client import Job, ProblemError, StillWaitingError, Unreachable
from segq_client.request import Answer
from segq_client.retrying import Retrying
from segq_client.waiting import Watch
from tests.client.played import Stage, answer, held, on_stage

SURE = Retrying(3, lambda: 0.0)
GONE = Unreachable("away")
AWAY = answer(503, {"type": "/problems/unavailable"}, Retry_After="2")


def job(state: str, tag: str, **more: Any) -> Answer:
    return answer(200, {"id": "a", "model": "m", "state": state, **more}, ETag=tag)


SAME = answer(304)


def watch(stage: Stage, timeout: float | None, **options: Any) -> Watch:
    return Watch("a", timeout, SURE, clock=stage.clock, **options)


def states_told(stage: Stage, watched: Watch) -> list[str]:
    told: list[Job] = []
    while not watched.is_over:
        told.append(stage.play(watched.changed()))
    return [one.state for one in told]


def test_each_change_is_told_once_and_what_is_known_is_not_sent_again() -> None:
    stage = on_stage(job("queued", "1"), SAME, SAME, job("running", "2"), job("succeeded", "3"))
    assert states_told(stage, watch(stage, 60, every=1, at_once=True)) == [
        "queued",
        "running",
        "succeeded",
    ]
    assert [one.query.get("wait") for one in stage.asked] == [None, 1, 1, 1, 1]
    known = [one.headers.get("If-None-Match") for one in stage.asked]
    assert known == [None, "1", "1", "1", "2"]
    assert stage.pauses == []


def test_one_that_is_settled_is_told_and_that_is_all() -> None:
    stage = on_stage(job("in_doubt", "1"))
    assert states_told(stage, watch(stage, 60, at_once=True)) == ["in_doubt"]
    assert len(stage.asked) == 1


@pytest.mark.parametrize("trouble", [GONE, AWAY], ids=["lost", "503"])
def test_a_restart_is_waited_out_and_nothing_is_told_twice(trouble: Answer | Exception) -> None:
    stage = on_stage(job("running", "1"), trouble, trouble, trouble, SAME, job("failed", "2"))
    assert states_told(stage, watch(stage, 60, every=1, at_once=True)) == ["running", "failed"]
    assert stage.pauses == [0.5 if trouble is GONE else 2.0] * 3
    assert stage.asked[-1].headers["If-None-Match"] == "1"


def test_a_wait_asks_for_the_longest_reads_and_then_for_what_is_left() -> None:
    stage = on_stage(SAME)
    stage.replies = [held(stage, job("queued", "1")), held(stage, SAME)]
    with pytest.raises(StillWaitingError, match="job a is still queued after 150 s") as error:
        stage.play(watch(stage, 150).settled())
    assert error.value.job.state == "queued"
    assert [one.query.get("wait") for one in stage.asked] == [60, 60, 30]
    assert stage.now == 150


def test_the_last_part_of_a_second_is_waited_here() -> None:
    stage = on_stage(SAME)
    stage.replies = [held(stage, job("queued", "1")), held(stage, SAME)]
    with pytest.raises(StillWaitingError):
        stage.play(watch(stage, 2.25).settled())
    assert stage.now == 2.25
    assert stage.pauses == pytest.approx([0.1, 0.1, 0.05])


def test_a_job_that_changes_all_the_time_does_not_outlast_the_time() -> None:
    stage = on_stage(lambda _: job("queued", "x"))
    stage.replies = [held(stage, job("queued", "1"))]
    with pytest.raises(StillWaitingError):
        stage.play(watch(stage, 130).settled())
    assert stage.now == 130


def test_without_an_end_it_is_asked_for_ever() -> None:
    stage = on_stage(*[GONE] * 2000, job("succeeded", "1"))
    assert stage.play(watch(stage, None).settled()).state == "succeeded"
    assert len(stage.asked) == 2001


def test_a_job_that_could_never_be_read_ends_with_why() -> None:
    stage = on_stage(GONE)
    with pytest.raises(Unreachable, match="away"):
        stage.play(watch(stage, 2).settled())
    assert stage.now == 2


def test_what_is_refused_for_good_ends_it_at_once() -> None:
    stage = on_stage(answer(404, {"type": "/problems/not-found"}))
    with pytest.raises(ProblemError):
        stage.play(watch(stage, 60).settled())
    assert len(stage.asked) == 1
    assert stage.pauses == []
