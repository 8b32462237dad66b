"""docs/errors.md against the code: every problem and every kind of a failed call."""

import re
from pathlib import Path

import pytest

from api_gateway import problems
from jobs.failures import ADVICE, REACTIONS, FailureKind, Reaction

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
SECTIONS = dict(
    re.findall(r"^### (`[a-z-]+` \(\d+\))\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
)
ROWS = {
    cells[0].strip("` "): cells
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for cells in [[cell.strip() for cell in line.split("|")[1:-1]]]
}
BECOMES = {
    Reaction.FAIL: "`failed`",
    Reaction.RETRY: "tried again after a pause, `failed` when its attempts are spent",
    Reaction.KEEP: "back to `queued`, no attempt spent",
    Reaction.FREE: "tried again, no attempt spent",
    Reaction.DOUBT: "`in_doubt`, until the history, its policy or an operator ends that",
}


def test_every_problem_stands_there_and_no_other() -> None:
    kinds = [one for one in vars(problems).values() if isinstance(one, problems.Kind)]
    assert set(SECTIONS) == {f"`{kind.name}` ({kind.status})" for kind in kinds}


@pytest.mark.parametrize("section", SECTIONS)
def test_each_says_why_and_what_to_do(section: str) -> None:
    text = " ".join(SECTIONS[section].split())
    assert "**Why:**" in text
    assert "**What to do:**" in text


def test_every_kind_of_a_failed_call_stands_there() -> None:
    assert set(ROWS) == {*FailureKind, "expired"}


@pytest.mark.parametrize("kind", FailureKind)
def test_each_says_what_the_code_does_and_advises(kind: FailureKind) -> None:
    assert ROWS[kind][3:] == [BECOMES[REACTIONS[kind]], ADVICE[kind]]
