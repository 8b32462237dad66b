"""Batches that go on only when somebody does something about them."""

from typing import Any

import pytest

from segq_client import BatchStalledError
from segq_client.batch import Batch, batch_from
from segq_client.batching import Batching
from segq_client.retrying import Retrying
from segq_client.standstill import Standstill
from segq_client.uploads import Uploads
from tests.client.both_clients import Open
from tests.client.played import answer, on_stage
from tests.client.scripted_gateway import Answer, scripted
from tests.client.test_client_batching import BATCH, CLOSED, NONE_YET, OPENED, TAKEN, ended, lines

STOPPED = {"by": "stop_after_n", "note": "2 of its jobs have failed"}


def batch(state: str = "running", pause: Any = None, **counts: int) -> Batch:
    jobs = sum(counts.values())
    return batch_from({**BATCH, "state": state, "pause": pause, "counts": counts, "jobs": jobs})


@pytest.mark.parametrize(
    ("found", "at_once", "later"),
    [
        (batch(succeeded=1, queued=1), False, False),
        (batch(succeeded=1, in_doubt=1), False, True),
        (batch(succeeded=1, in_doubt=1, scheduled=1), False, False),
        (batch("open", in_doubt=1), False, False),
        (batch(pause=STOPPED, queued=2, running=0), True, True),
        (batch(pause=STOPPED, queued=2, running=1), False, False),
        (batch(pause={"by": "user", "note": "later"}, queued=2), False, False),
    ],
)
def test_what_stands_still(found: Batch, at_once: bool, later: bool) -> None:
    now = [0.0]
    one = Standstill(lambda: now[0])
    assert (one.seen(found) is not None) is at_once
    now[0] = 60.0
    assert (one.seen(found) is not None) is later


def test_a_doubt_has_a_minute_from_the_last_that_moved() -> None:
    now = [0.0]
    one = Standstill(lambda: now[0])
    one.seen(batch(in_doubt=2))
    now[0] = 59.0
    assert one.seen(batch(succeeded=1, in_doubt=1)) is None
    now[0] = 118.0
    assert one.seen(batch(succeeded=1, in_doubt=1)) is None
    now[0] = 119.0
    assert one.seen(batch(succeeded=1, in_doubt=1)) is not None


def test_a_batch_that_was_stopped_tells_what_it_has_and_says_why_it_ends(
    open_client: Open,
) -> None:
    stopped = Answer(200, {**BATCH, "state": "running", "jobs": 2, "pause": STOPPED})
    answers = [OPENED, TAKEN, CLOSED, NONE_YET, NONE_YET, stopped, ended("x0")]
    with (
        scripted(*answers, NONE_YET, stopped, ended("x0")) as (url, _),
        open_client(url, "segq_x", tries=1) as client,
    ):
        stream = iter(client.batch(lines(2), model="m"))
        assert next(stream).custom_id == "x0"
        with pytest.raises(BatchStalledError, match="2 of its jobs have failed") as error:
            next(stream)
        assert error.value.batch.pause_note == STOPPED["note"]


def test_doubts_that_nobody_ends_do_not_hold_a_stream_for_ever() -> None:
    doubtful = answer(200, {**BATCH, "state": "running", "jobs": 1, "counts": {"in_doubt": 1}})

    def reply(request: Any) -> Any:
        if request.path.endswith("/results"):
            return answer(200)
        return answer(200, TAKEN.body) if request.path.endswith("/jobs") else doubtful

    stage = on_stage(reply)
    retrying = Retrying(1)
    one = Batching(lines(1), {}, None, retrying, Uploads(retrying), clock=stage.clock)

    def follow() -> None:
        while not one.is_over:
            stage.play(one.more())

    with pytest.raises(BatchStalledError, match="those in doubt have not ended: 1"):
        follow()
    assert 60 <= stage.now < 70
