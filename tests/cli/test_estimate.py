"""`segq estimate`, and what `segq run` says of a job's place, in front of a scripted gateway."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.estimate import lines
from cli.watching import watch
from cli.wording import clock_of, place_of
from segq_client import Client, Estimate, Job, SegqError
from segq_client.job import job_from
from tests.cli.test_commands import segq
from tests.client.scripted_gateway import Answer, scripted

SOON = "2026-01-01T12:00:30Z"
ESTIMATE: dict[str, Any] = {
    "jobs": 30,
    "price": "0.18",
    "prices": ["0.006"],
    "calls_per_minute": 59.8,
    "balance": {"left": "4.5", "suffices": True},
    "estimated_start": SOON,
    "estimated_end": "2026-01-01T12:01:00Z",
    "note": None,
}
MODEL: dict[str, Any] = {
    "slug": "ssd-canny",
    "input_schema": {
        "properties": {"image": {"type": "string", "format": "uri"}, "prompt": {"type": "string"}}
    },
    "example": {"image": "https://example.org/own.png", "prompt": "x"},
}
JOB: dict[str, Any] = {"id": "j", "model": "ssd-canny", "state": "queued", "waiting_for": "slot"}
FOUND = Estimate(
    30, Decimal("0.18"), (Decimal("0.006"),), 59.8, Decimal("4.5"), True, SOON, SOON, None, {}
)


def test_an_estimate_is_asked_for_without_an_upload(tmp_path: Path) -> None:
    with scripted(Answer(200, MODEL), Answer(200, ESTIMATE)) as (url, asked):
        done = segq(
            *("estimate", "ssd-canny", "--count", "30", "--image", "no/such/file.jpg"),
            *("--prompt", "a fox"),
            cwd=tmp_path,
            SEGQ_URL=url,
            SEGQ_API_KEY="segq_x",
        )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "30 jobs: $0.18 ($0.006 each); the balance of $4.5 suffices"
    assert second.startswith("from 2026-01-01 ")
    assert second.endswith(", at 59.8 calls a minute, if nobody else comes")
    assert [one.line.split()[:2] for one in asked] == [
        ["GET", "/api/v1/models/ssd-canny"],
        ["POST", "/api/v1/estimate"],
    ]
    assert b'"count":30' in asked[1].body
    assert b"https://example.org/own.png" in asked[1].body


def test_what_is_not_known_is_said() -> None:
    nothing = replace(
        FOUND, jobs=1, left=None, suffices=None, estimated_start=None, note="it pauses"
    )
    assert list(lines(nothing)) == ["1 job: $0.18; the balance is not known", "it pauses"]
    short = list(lines(replace(FOUND, suffices=False, estimated_end=None)))
    assert "$4.5 does not suffice" in short[0]
    assert " to nobody knows when, " in short[1]


def test_the_client_takes_lists_and_refuses_what_is_no_estimate() -> None:
    with (
        scripted(Answer(200, ESTIMATE), Answer(200, {"jobs": 1})) as (url, asked),
        Client(url, "segq_x") as client,
    ):
        found = client.estimate_all([{"model": "ssd-canny", "input": {}}])
        assert (found.price, found.left, found.suffices) == (Decimal("0.18"), Decimal("4.5"), True)
        assert asked[0].body == b'{"jobs":[{"model":"ssd-canny","input":{}}]}'
        with pytest.raises(SegqError, match="not an estimate"):
            client.estimate("ssd-canny", {})


def _job(**members: Any) -> Job:
    return job_from({**JOB, **members})


def test_a_place_in_words() -> None:
    assert place_of(_job(position=1, estimated_start=SOON)) == ""
    assert place_of(_job(position=13)) == ""
    told = place_of(_job(position=1_013, estimated_start=SOON))
    assert told.startswith("1,012 calls go before it; it starts at about 2026-01-01 ")
    assert place_of(_job(estimated_start=SOON)).startswith("it starts at about ")
    now = datetime.now(UTC).isoformat()
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock_of(now))


def test_who_waits_is_told_its_place_once_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    queued = {**JOB, "position": 3, "estimated_start": SOON}
    done = {**JOB, "state": "succeeded"}
    with (
        scripted(Answer(200, queued), Answer(200, queued), Answer(200, done)) as (url, _),
        Client(url, "segq_x") as client,
    ):
        watch(client, _job(), 10, "cancel")
    said = capsys.readouterr().err
    assert said.count("job j waits: 2 calls go before it; it starts at about ") == 1
