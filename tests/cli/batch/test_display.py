"""How far batches are, and how they have ended, in words."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cli.batch.display import LineDisplay, Progress, TableDisplay
from cli.batch.ending import DONE, SOME_DID_NOT, Ending
from cli.batch.wrong import Wrong

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
