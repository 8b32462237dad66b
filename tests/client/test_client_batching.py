"""Batches that are sent and followed, when something breaks off in between."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segq_client import BadRequestError
from tests.client.both_clients import Open
from tests.client.scripted_gateway import Answer, Asked, scripted

BATCH: dict[str, Any] = {
    "id": "i",
    "name": "",
    "state": "open",
    "jobs": 0,
    "counts": {},
    "cost": "0",
    "projected_cost": "0",
}
OPENED = Answer(201, BATCH)
TAKEN = Answer(200, {"accepted": 1, "known": 0, "rejected": 0, "rejections": []})
CLOSED = Answer(200, {**BATCH, "state": "running"})
NONE_YET = Answer(200, raw=b"")
AWAY = Answer(503, {"type": "/problems/unavailable", "title": "away"})


def over(jobs: int) -> Answer:
    return Answer(200, {**BATCH, "state": "finished", "jobs": jobs})


def ended(*names: str) -> Answer:
    found = [
        {"custom_id": one, "position": n, "job_id": f"j{n}", "state": "succeeded", "cost": "0"}
        for n, one in enumerate(names)
    ]
    return Answer(200, raw=b"".join(json.dumps(one).encode() + b"\n" for one in found))


def lines(count: int) -> list[dict[str, Any]]:
    return [{"custom_id": f"x{n}"} for n in range(count)]


def sent(asked: list[Asked]) -> list[tuple[str, list[str]]]:
    """The number of the first line of each upload, and the names in it."""
    return [
        (
            one.line.partition("first_line=")[2].split()[0],
            [json.loads(line)["custom_id"] for line in gzip.decompress(one.body).split(b"\n")],
        )
        for one in asked
        if "/jobs?first_line" in one.line
    ]


def closed(asked: list[Asked]) -> int:
    return sum("/close " in one.line for one in asked)


def test_a_gateway_that_is_away_costs_no_line(open_client: Open) -> None:
    answers = [OPENED, AWAY, TAKEN, NONE_YET, TAKEN, AWAY, CLOSED, NONE_YET, NONE_YET, over(0)]
    with scripted(*answers) as (url, asked), open_client(url, "segq_x", tries=1) as client:
        assert list(client.batch(lines(1500), model="m")) == []
    names = [one["custom_id"] for one in lines(1500)]
    first, second = ("1", names[:1000]), ("1001", names[1000:])
    assert sent(asked) == [first, first, second]
    assert closed(asked) == 2


def test_lines_that_were_refused_are_sent_again_by_whoever_goes_on(open_client: Open) -> None:
    refused = Answer(402, {"type": "/problems/malformed-request", "title": "no"})
    answers = [OPENED, refused, TAKEN, CLOSED, ended("x0"), NONE_YET, over(1)]
    with scripted(*answers) as (url, asked), open_client(url, "segq_x", tries=1) as client:
        stream = client.batch(lines(1), model="m")
        with pytest.raises(BadRequestError):
            list(stream)
        assert [one.custom_id for one in stream] == ["x0"]
    assert sent(asked) == [("1", ["x0"])] * 2


def test_lines_that_could_not_be_made_do_not_end_a_batch(open_client: Open) -> None:
    def some() -> Iterator[dict[str, Any]]:
        yield from lines(2)
        raise RuntimeError("the third")

    with scripted(OPENED) as (url, asked), open_client(url, "segq_x", tries=1) as client:
        stream = client.batch(some(), model="m")
        for _ in range(2):
            with pytest.raises(RuntimeError, match="the third"):
                list(stream)
        with pytest.raises(RuntimeError, match="the third"):
            stream.send()
    assert (sent(asked), closed(asked)) == ([], 0)


def test_a_file_that_was_missing_is_looked_for_again(open_client: Open, tmp_path: Path) -> None:
    late = tmp_path / "late.jpg"
    some = [
        {"custom_id": "a", "input": {"image": b"a"}},
        {"custom_id": "b", "input": {"image": late}},
    ]
    uploaded = Answer(201, {"reference": "segq:1"})
    answers = [OPENED, uploaded, uploaded, TAKEN, CLOSED, ended("a", "b"), NONE_YET, over(2)]
    with scripted(*answers) as (url, asked), open_client(url, "segq_x", tries=1) as client:
        stream = client.batch(some, model="m")
        with pytest.raises(FileNotFoundError):
            list(stream)
        # One line's files after the other's: no more of them are held at once.
        assert len(asked) == 2
        late.write_bytes(b"an image")
        assert len(list(stream)) == 2
    assert sent(asked) == [("1", ["a", "b"])]


def test_who_stops_in_between_is_told_the_rest_the_next_time(open_client: Open) -> None:
    names = [f"x{n}" for n in range(5)]
    answers = [OPENED, TAKEN, CLOSED, ended(*names), NONE_YET, over(5)]
    with scripted(*answers) as (url, _), open_client(url, "segq_x", tries=1) as client:
        stream = client.batch(lines(5), model="m")
        first = next(iter(stream))
        assert [first.custom_id, *(one.custom_id for one in stream)] == names
        assert list(stream) == []


def test_results_are_told_while_the_queue_is_full(open_client: Open) -> None:
    full = Answer(429, {"type": "/problems/too-many-queued", "title": "full"}, retry_after="1")
    answers = [OPENED, full, ended("x0")]
    with scripted(*answers) as (url, asked), open_client(url, "segq_x", tries=1) as client:
        stream = client.batch(lines(1), model="m")
        assert next(iter(stream)).custom_id == "x0"
        assert closed(asked) == 0


def test_a_batch_is_gone_on_with_by_its_id(open_client: Open) -> None:
    there = Answer(200, BATCH)
    answers = [there, TAKEN, CLOSED, ended("x0"), NONE_YET, over(1)]
    with scripted(*answers) as (url, asked), open_client(url, "segq_x", tries=1) as client:
        stream = client.batch(lines(1), model="m", batch_id="i")
        assert [one.custom_id for one in stream] == ["x0"]
    assert asked[0].line.startswith("GET /api/v1/batches/i ")
    assert sent(asked) == [("1", ["x0"])]


def test_a_batch_that_was_canceled_behind_its_last_line_tells_its_results(
    open_client: Open,
) -> None:
    there = Answer(200, {**BATCH, "state": "canceled", "jobs": 1})
    illegal = Answer(409, {"type": "/problems/illegal-move", "title": "x", "state": "canceled"})
    known = Answer(200, {"accepted": 0, "known": 1, "rejected": 0, "rejections": []})
    answers = [there, known, illegal, there, ended("x0"), NONE_YET, there]
    with scripted(*answers) as (url, _), open_client(url, "segq_x", tries=1) as client:
        assert [one.custom_id for one in client.batch(lines(1), batch_id="i")] == ["x0"]


def test_no_line_is_taken_before_the_one_before_is_uploaded(open_client: Open) -> None:
    ahead = list[int]()
    uploaded = Answer(201, {"reference": "segq:1"})
    names = ("x0", "x1", "x2")
    answers = [OPENED, *[uploaded] * 3, TAKEN, CLOSED, ended(*names), NONE_YET, over(3)]
    with scripted(*answers) as (url, asked), open_client(url, "segq_x", tries=1) as client:

        def some() -> Iterator[dict[str, Any]]:
            for n, name in enumerate(names):
                ahead.append(n - sum("/inputs " in one.line for one in asked))
                yield {"custom_id": name, "input": {"image": b"%d" % n}}

        assert len(list(client.batch(some(), model="m"))) == 3
    assert ahead == [0, 0, 0]
