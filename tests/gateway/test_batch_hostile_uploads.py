"""Uploads that would take more than they bring: the gateway goes on, and each is told what is wrong."""

import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.gateway.batch_world import came, opened, send
from tests.gateway.conftest import is_problem

GZIP = {"Content-Encoding": "gzip"}


def _rejected(client: httpx.Client, batch: dict[str, Any]) -> list[dict[str, Any]]:
    text = client.get(f"/api/v1/batches/{batch['id']}/rejected").text
    return [json.loads(line) for line in text.splitlines()]


def test_others_are_answered_while_one_is_being_cut(client: httpx.Client) -> None:
    batch = opened(client)
    answers: list[httpx.Response] = []

    def upload() -> None:
        body = gzip.compress(b"[" * 3_000_000)
        answers.append(send(client, batch, body, "application/json", headers=GZIP, timeout=120))

    thread = threading.Thread(target=upload)
    thread.start()
    answered = 0
    while thread.is_alive():
        assert client.get(f"/api/v1/batches/{batch['id']}").status_code == 200
        answered += thread.is_alive()
        time.sleep(0.02)
    thread.join()
    assert answered >= 3
    problem = is_problem(answers[0], 422, "invalid-fields")
    assert "ends before the array does" in problem["errors"][0]["message"]


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [
        ("application/jsonl", b" " * 999 + b"\n"),
        ("application/jsonl", b"\n" * 1_000),
        ("text/csv", b"x" * 1_000),
    ],
)
def test_much_of_nothing_ends_an_upload(client: httpx.Client, kind: str, nothing: bytes) -> None:
    batch = opened(client, input={})
    first = b'{"input": {"prompt": "a"}}\n' if kind.endswith("jsonl") else b"prompt\na\n"
    body = gzip.compress(first + nothing * 17_000)
    problem = is_problem(send(client, batch, body, kind, headers=GZIP), 422, "invalid-fields")
    assert "without the end of a line" in problem["errors"][0]["message"]
    # What had come before is in.
    assert problem["accepted"] == 1


def test_a_few_kilobytes_do_not_become_gigabytes(client: httpx.Client) -> None:
    batch = opened(client, input={"prompt": "{a}" * 2_000})
    line = {"custom_id": "long", "vars": {"a": "x" * 100_000}}
    assert came(send(client, batch, [line, {"custom_id": "good", "vars": {"a": "x"}}])) == (1, 0, 1)
    (told,) = _rejected(client, batch)
    assert (told["custom_id"], told["errors"][0]["field"]) == ("long", "vars")
    assert "more than 1,000,000 characters" in told["errors"][0]["message"]
    # What is not asked for is not looked at.
    batch = opened(client)
    assert came(send(client, batch, [{"vars": {"other": "x" * 100_000}}])) == (1, 0, 0)
    large = {"model": "ssd-1b", "input": {"prompt": "x" * 70_000}}
    problem = is_problem(client.post("/api/v1/batches", json=large), 422, "invalid-fields")
    assert "65,536 characters" in problem["errors"][0]["message"]
    matrix = {"model": "ssd-1b", "matrix": {"prompt": ["x" * 20_000], "seed": [1, 2]}}
    problem = is_problem(client.post("/api/v1/batches", json=matrix), 422, "invalid-fields")
    assert [one["field"] for one in problem["errors"]] == ["matrix.prompt"]


def test_a_line_is_told_a_few_of_its_mistakes(client: httpx.Client) -> None:
    batch = opened(client)
    many = json.dumps({"custom_id": "many", **{f"m{n}": 1 for n in range(20_000)}})
    lone = '{"custom_id": "lone", "\\ud800": 1}'
    assert came(send(client, batch, f"{many}\n{lone}\n")) == (0, 0, 2)
    told = {one["custom_id"]: one["errors"] for one in _rejected(client, batch)}
    assert len(told["many"]) == 20
    assert told["lone"][0]["field"] == "\\ud800"


def test_strict_reads_no_further_once_much_is_wrong(client: httpx.Client) -> None:
    batch = opened(client)
    lines = [{"input": {"seed": "x"}}] * 3_000
    answer = send(client, batch, lines, params={"strict": "true"})
    problem = is_problem(answer, 422, "invalid-fields")
    assert "more than 1,000 lines" in problem["errors"][0]["message"]
    assert client.get(f"/api/v1/batches/{batch['id']}").json()["jobs"] == 0


def test_a_quote_in_the_middle_of_a_field_is_a_quote(client: httpx.Client) -> None:
    batch = opened(client, input={})
    rows = 'custom_id,prompt\na,5" nail\nb,"two\nlines, ""quoted"""\n,\n\nc,""\nd,x"y\n'
    answer = send(client, batch, rows, "text/csv").json()
    # `c` has no prompt, and the row of empty fields is none.
    assert (answer["accepted"], answer["rejected"]) == (3, 1)
    assert answer["rejections"][0]["custom_id"] == "c"
    items = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    assert {one["custom_id"]: one["input"]["prompt"] for one in items} == {
        "a": '5" nail',
        "b": 'two\nlines, "quoted"',
        "d": 'x"y',
    }


def test_a_quote_that_nothing_ends_says_what_it_takes_with_it(client: httpx.Client) -> None:
    batch = opened(client, input={})
    rows = 'prompt\n"never ends\n' + ("x" * 99 + "\n") * 11_000
    answer = send(client, batch, rows, "text/csv").json()
    told = answer["rejections"][0]
    assert told["line"] == 2
    assert "are one row" in told["errors"][0]["message"]


def test_a_header_has_a_bounded_number_of_columns(client: httpx.Client) -> None:
    batch = opened(client, input={})
    header = ",".join(f"metadata.m{n}" for n in range(1_001))
    problem = is_problem(send(client, batch, f"{header}\n", "text/csv"), 422, "invalid-fields")
    assert "may have 1,000" in problem["errors"][0]["message"]


@pytest.mark.parametrize("strict", ["false", "true"])
def test_what_was_good_when_it_came_is_known_when_it_is_sent_again(
    client: httpx.Client, strict: str
) -> None:
    batch = opened(client)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    lines = [{"custom_id": "a", "finish_by": soon}, {"custom_id": "b"}]
    assert came(send(client, batch, lines)) == (2, 0, 0)
    time.sleep(1.1)
    options = {"strict": strict}
    assert came(send(client, batch, lines, params=options)) == (0, 2, 0)
    assert _rejected(client, batch) == []
    # Another line under that name is another line.
    other = [{"custom_id": "a", "finish_by": soon, "input": {"seed": 7}}]
    assert send(client, batch, other).json()["rejected"] == 1
