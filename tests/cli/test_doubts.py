"""`segq doubts`: the table, and how one is resolved."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.doubt_lines import doubt_lines, ended_line
from segq_client.job import job_from
from tests.client.scripted_gateway import Answer, Asked, scripted
from tests.systems.processes import project_environment
from tests.systems.running_system import run_segq

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DOUBT: dict[str, Any] = {
    "since": "2026-03-01T11:30:00Z",
    "kind": "connection_lost",
    "message": "the connection broke",
    "estimate": "0.006",
    "looked": "not in the history yet",
    "next_look_at": "2026-03-01T12:05:00Z",
}
JOB: dict[str, Any] = {
    "id": "job-2",
    "model": "ssd-canny",
    "state": "in_doubt",
    "on_doubt": "hold",
    "doubt_deadline": None,
    "doubt": DOUBT,
}
OLDER = {
    **JOB,
    "id": "job-1",
    "model": "ssd-1b",
    "on_doubt": "fail",
    "doubt_deadline": "2026-03-02T00:00:00Z",
    "doubt": {**DOUBT, "since": "2026-02-27T12:00:00Z", "kind": "worker_lost", "looked": None},
}
COUNTS = {"open": 2, "recovered": 1_200, "absent": 0, "operator_retry": 1, "sent_again": 1}
ACCOUNTS = {"accounts": [{"name": "default", "doubts": COUNTS}], "jobs": {}, "jobs_capped": []}
PAGE = Answer(200, {"items": [JOB, OLDER], "next_cursor": None})


def segq(url: str, folder: Path, *words: str) -> tuple[int, str, str]:
    environment = project_environment(SEGQ_URL=url, SEGQ_API_KEY="segq_key")
    done = run_segq(words, folder, environment)
    return done.returncode, done.stdout, done.stderr


def told(asked: Asked) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(asked.body)
    return found


def test_a_table_tells_what_is_at_stake_and_what_was_found_out() -> None:
    assert list(doubt_lines([job_from(OLDER), job_from(JOB)], NOW)) == [
        "JOB    MODEL      FOR     AT STAKE  ON DOUBT  DEADLINE              KIND",
        "job-1  ssd-1b     2 d     $0.006    fail      2026-03-02T00:00:00Z  worker_lost",
        "    not looked for yet",
        "job-2  ssd-canny  30 min  $0.006    hold      -                     connection_lost",
        "    not in the history yet",
    ]
    assert list(doubt_lines([], NOW)) == ["no job is in doubt"]


def test_the_ends_of_all_accounts_are_added_up() -> None:
    one, other = {"doubts": COUNTS}, {"doubts": {"open": 1, "recovered": 3, "sent_again": 0}}
    ends = "ended so far: 1,203 recovered, 1 operator_retry; 1 sent again"
    assert ended_line([one, other, {}]) == ends
    assert ended_line([{"doubts": {"open": 1}}]) == "ended so far: none"


def test_the_newest_comes_last(tmp_path: Path) -> None:
    with scripted(PAGE, Answer(200, ACCOUNTS)) as (url, asked):
        code, out, _ = segq(url, tmp_path, "doubts")
    assert code == 0
    assert asked[0].line.startswith("GET /api/v1/jobs?state=in_doubt")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:5:2]] == ["job-1", "job-2"]
    assert lines[-1].startswith("ended so far: 1,200 recovered")


def test_as_json(tmp_path: Path) -> None:
    with scripted(PAGE, Answer(200, ACCOUNTS)) as (url, _):
        _, out, _ = segq(url, tmp_path, "doubts", "--json")
    assert json.loads(out) == {"jobs": [OLDER, JOB], "accounts": {"default": COUNTS}}


def test_one_is_resolved(tmp_path: Path) -> None:
    failed = {**JOB, "state": "failed", "error": {"kind": "worker_lost", "message": "gone"}}
    with scripted(Answer(200, failed)) as (url, asked):
        words = ("doubts", "resolve", "job-2", "--as", "failed", "--note", "nobody wants it")
        code, out, _ = segq(url, tmp_path, *words)
    assert (code, out) == (0, "job job-2 is failed: gone (worker_lost)\n")
    assert asked[0].line.startswith("POST /api/v1/jobs/job-2/resolve ")
    assert told(asked[0]) == {"as": "failed", "note": "nobody wants it"}


def test_an_image_is_uploaded_and_given(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
    kept = Answer(201, {"reference": "segq:1"})
    done = {**JOB, "state": "succeeded", "note": None}
    with scripted(kept, Answer(200, done)) as (url, asked):
        words = ("doubts", "resolve", "job-2", "--as", "succeeded", "--note", "from the console")
        code, out, _ = segq(url, tmp_path, *words, "--output", "out.png")
    assert (code, out) == (0, "job job-2 is succeeded\n")
    assert told(asked[1]) == {"as": "succeeded", "note": "from the console", "output": "segq:1"}


def test_a_requests_id_leaves_it_in_doubt_for_a_while(tmp_path: Path) -> None:
    with scripted(Answer(202, {**JOB, "note": "r-1 is asked about."})) as (url, asked):
        words = ("doubts", "resolve", "job-2", "--as", "succeeded", "--note", "seen")
        code, out, _ = segq(url, tmp_path, *words, "--request-id", "r-1")
    assert (code, out) == (0, "job job-2 is still in doubt: r-1 is asked about.\n")
    assert told(asked[0])["request_id"] == "r-1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "succeeded"], "--as succeeded needs --output FILE, or --request-id ID, or both"),
        (["--as", "retry", "--request-id", "r"], "are only for --as succeeded"),
        (["--as", "succeeded", "--output", "gone.png"], "there is no file gone.png"),
    ],
)
def test_what_cannot_go_well_is_not_asked_for(words: list[str], said: str, tmp_path: Path) -> None:
    with scripted(Answer(200, JOB)) as (url, asked):
        code, _, err = segq(url, tmp_path, "doubts", "resolve", "job-2", "--note", "x", *words)
    assert code == 1
    assert said in err
    assert asked == []


def test_a_refusal_is_told(tmp_path: Path) -> None:
    refusal = Answer(409, {"type": "/problems/illegal-move", "title": "No", "detail": "it runs"})
    with scripted(refusal) as (url, _):
        words = ("doubts", "resolve", "job-2", "--as", "retry", "--note", "x")
        code, _, err = segq(url, tmp_path, *words)
    assert (code, err) == (1, "segq: 409 No: it runs\n")


@pytest.mark.parametrize(
    "words", [["resolve"], ["resolve", "j", "--as", "maybe", "--note", "x"], ["resolve", "j"]]
)
def test_other_words_are_a_usage_error(words: list[str], tmp_path: Path) -> None:
    done = run_segq(["doubts", *words], tmp_path, project_environment())
    assert done.returncode == 2
    assert done.stderr.startswith("usage: segq doubts resolve [-h] --as {retry,failed,succeeded}")
