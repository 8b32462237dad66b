"""How far batches are, and how they have ended, in words."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cli.batch.display import LineDisplay, Progress, TableDisplay
from cli.batch.ending import CANCELED, DONE, SOME_DID_NOT, Ending
from cli.batch.following import Course
from cli.batch.manifest import Manifest
from cli.batch.names import USUAL, Names
from cli.batch.records import Record, Records
from cli.batch.saving import Saver
from cli.batch.wrong import Wrong
from segq_client import Client
from segq_client.batch import batch_from

NOW = Progress(
    lines=10,
    states=Counter(succeeded=3, failed=1, running=2),
    cost=Decimal("0.012"),
    projected=Decimal("0.04"),
    rate=30,
    ends=None,
    notes=(),
    images=("a[red].jpg",),
)


def test_progress_in_words() -> None:
    assert str(NOW) == (
        "4 of 10 done, 2 running, 1 failed, 30 images a minute, $0.012 of about $0.04"
    )
    assert str(replace(NOW, notes=("it pauses: x",))).endswith("$0.04; it pauses: x")


def test_a_line_is_said_when_something_has_changed_but_not_too_often(
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = LineDisplay()
    for progress in (NOW, NOW, replace(NOW, rate=31), replace(NOW, notes=("it pauses",))):
        display.show(progress)
    done = replace(NOW, states=Counter(succeeded=10))
    display.show(done)
    display.show(done)
    said = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in said] == [
        *("segq: 4 of 10 done", "segq: 4 of 10 done", "segq: 10 of 10 done"),
    ]


def test_a_name_with_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    display = TableDisplay()
    with display.entered():
        display.show(NOW)
    shown = capsys.readouterr().err
    assert "a[red].jpg" in shown
    assert "4 of 10 done" in shown


def entry(custom_id: str, state: str, kind: str = "") -> dict[str, object]:
    error = {"kind": kind, "message": "m", "advice": None} if kind else None
    return {"custom_id": custom_id, "state": state, "error": error, "files": []}


def test_an_ending_says_how_many_and_why() -> None:
    well = Ending(Path("out"), [], [entry("a", "succeeded")], [], [])
    assert (well.status, well.lines()) == (DONE, ["1 succeeded; cost $0; in out"])
    entries = [
        entry("a", "succeeded"),
        entry("b", "failed", "blocked"),
        entry("c", "expired", "late"),
    ]
    badly = replace(well, entries=entries, rejected=[Wrong("l: line 4", "no", "d")])
    assert badly.status == SOME_DID_NOT
    assert badly.lines() == [
        "1 succeeded, 1 failed, 1 expired; cost $0; in out",
        "1 because of blocked: b",
        "1 because of late: c",
        "1 lines were not taken:",
        "  l: line 4: d: no",
    ]
    assert badly.document()["errors"] == {"blocked": 1, "late": 1}
    unsaved = replace(well, entries=[{**entry("a", "succeeded"), "unsaved": "gone"}])
    assert unsaved.status == SOME_DID_NOT


def ended(folder: Path, batch: str, state: str, short: str | None = None) -> Course:
    """A batch that is over, as a run has followed it."""
    records, client = Records(folder), Client("http://127.0.0.1:9", "segq_x")
    records.all = [Record("k", {}, id=batch, short=short)]
    saver = Saver(client, folder, Names(USUAL), Manifest(folder))
    course = Course(client, records, records.all[0], None, saver)
    course.is_over = True
    body = {"id": batch, "name": "", "state": state, "jobs": 1, "counts": {}}
    course.batch = batch_from({**body, "cost": "0", "projected_cost": "0"})
    return course


def test_only_what_the_list_lacks_by_now_counts_against_it(tmp_path: Path) -> None:
    cut = ended(tmp_path, "i", "canceled", "1 line not taken: the batch is canceled")
    made = [{**entry("a", "succeeded"), "batch": "i"}, {**entry("b", "succeeded"), "batch": "j"}]
    whole = Ending(Path("out"), [cut, ended(tmp_path, "j", "finished")], made, [], [])
    assert (whole.status, len(whole.lines())) == (DONE, 1)
    lacking = replace(whole, not_taken=["c"])
    assert (lacking.status, lacking.document()["not_taken"]) == (CANCELED, ["c"])
    assert lacking.lines()[1].startswith("1 line not taken (c): the batch is canceled; `--add`")
    failed = replace(whole, entries=[made[0], {**made[1], "state": "failed"}])
    assert failed.status == SOME_DID_NOT
    stopped = replace(whole, entries=[{**made[0], "state": "canceled"}, made[1]])
    assert stopped.status == CANCELED


def test_lines_that_a_full_queue_took_count_before_their_chunk_is_sent(tmp_path: Path) -> None:
    course = ended(tmp_path, "i", "open")
    assert course.taken == 1
    course.record.sent = 2
    assert course.taken == 2
