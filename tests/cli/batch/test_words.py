"""`segq batch` as a person types it, where no gateway does what it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from api_gateway.batches.result_rows import CSV_COLUMNS
from cli.batch.finding import batch_id
from cli.batch.result_rows import COLUMNS, rows
from cli.complaint import ComplaintError
from segq_client import Client
from segq_client.batch import result_from
from tests.cli.test_commands import segq
from tests.client.scripted_gateway import Answer, scripted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "VERB"),
        (["dance"], "invalid choice"),
        (["run", "--out", "o"], "give a LIST"),
        (["run", "l.csv"], "--out"),
        (["run", "l.xlsx", "--out", "o"], "LIST must be one of .csv"),
        (["run", "l.csv", "--out", "o", "--budget", "0"], "no amount of USD"),
        (["run", "l.csv", "--out", "o", "--budget", "NaN"], "no amount of USD"),
        (["run", "l.csv", "--out", "o", "--stop-after", "0"], "no whole number"),
        (["run", "l.csv", "--out", "o", "--seed", "7"], "unrecognized arguments"),
        (["run", "--images", ".", "--model", "m", "--out", "../{here}"], "folder of the images"),
        (["cancel"], "ID"),
    ],
)
def test_wrong_words_are_status_2(words: list[str], said: str, tmp_path: Path) -> None:
    words = [one.replace("{here}", tmp_path.name) for one in words]
    done = segq("batch", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["run", "list", "show", "watch", "cancel", "retry", "results"])
def test_each_verb_explains_itself(verb: str, tmp_path: Path) -> None:
    done = segq("batch", verb, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert verb != "run" or ("examples:" in done.stdout and "4 detached" in done.stdout)


def test_where_nothing_runs_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("prompt\na\n")
    done = segq("batch", "run", "l.csv", "--out", "o", cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing runs in" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["l.csv"]


BATCH: dict[str, Any] = {
    "name": "",
    "state": "running",
    "jobs": 1,
    "counts": {},
    "cost": "0",
    "projected_cost": "0",
    "created_at": "2026-01-01T00:00:00Z",
}
IDS = ("aaaaaaaa-0000", "bbbbbbbb-0001", "bbbbbbbb-0002")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("last", IDS[0]),
        ("AAAAAAAA", IDS[0]),
        ("bbbbbbbb-0002", IDS[2]),
        ("bbbbbbbb", "the beginning of 2 batches: bbbbbbbb-0001, bbbbbbbb-0002"),
        ("aaaa", "too short"),
        ("cccccccc", "no batch whose id begins"),
    ],
)
def test_a_batch_is_named_by_the_beginning_of_its_id(word: str, said: str) -> None:
    page = {"items": [{**BATCH, "id": one} for one in IDS], "next_cursor": None}
    with scripted(Answer(200, page)) as (url, _), Client(url, "segq_x") as client:
        try:
            found = batch_id(client, word)
        except ComplaintError as error:
            found = str(error)
    assert said in found


def test_batches_are_listed_in_columns_or_as_json(tmp_path: Path) -> None:
    page = {"items": [{**BATCH, "id": one} for one in IDS], "next_cursor": None}
    with scripted(Answer(200, page)) as (url, _):
        where = {"SEGQ_URL": url, "SEGQ_API_KEY": "segq_x"}
        done = segq("batch", "list", "--limit", "2", cwd=tmp_path, **where)
        told = segq("batch", "list", "--json", cwd=tmp_path, **where)
    assert done.stdout.split()[:3] == ["ID", "NAME", "STATE"]
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == list(IDS[:2])
    assert [one["id"] for one in json.loads(told.stdout)] == list(IDS)


def test_watching_a_batch_ends_where_it_stands_still(tmp_path: Path) -> None:
    pause = {"by": "stop_after_n", "note": "2 of its jobs have failed"}
    stopped = Answer(200, {**BATCH, "id": "i" * 36, "pause": pause, "counts": {"queued": 1}})
    with scripted(stopped) as (url, _):
        where = {"SEGQ_URL": url, "SEGQ_API_KEY": "segq_x"}
        done = segq("batch", "watch", "i" * 36, cwd=tmp_path, **where)
    assert done.returncode == 3
    assert "stands still: it pauses: 2 of its jobs have failed; `segq batch resume" in done.stderr


def test_results_for_a_spreadsheet_are_as_the_gateway_writes_them() -> None:
    raw = {
        "custom_id": "=1+1",
        "position": 0,
        "job_id": "j",
        "state": "failed",
        "cost": "-0.1",
        "seed": -1,
        "error": {"kind": "k", "message": 'a "b", c'},
        "outputs": [],
        "finished_at": None,
    }
    header, line = rows([result_from(raw)], "csv")
    assert COLUMNS == CSV_COLUMNS
    assert header == ",".join(CSV_COLUMNS)
    assert line == """'=1+1,0,j,failed,'-0.1,-1,k,"a ""b"", c",,"""
    (told,) = rows([result_from(raw)], "jsonl")
    assert json.loads(told) == raw
