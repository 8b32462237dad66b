import re
from pathlib import Path

from jobs.states import FINAL, MOVES, Priority, State

LIFECYCLE = Path(__file__).parents[2] / "docs" / "job-lifecycle.md"


def test_every_state_has_its_moves_and_final_ones_can_only_be_queued_again() -> None:
    assert set(MOVES) == set(State)
    assert not MOVES[State.SUCCEEDED]
    assert {state for state, targets in MOVES.items() if targets <= {State.QUEUED}} == FINAL


def test_every_state_can_be_reached_and_left_towards_an_end() -> None:
    starts = {State.SCHEDULED, State.QUEUED}
    assert set(State) - starts <= set().union(*MOVES.values())
    reaches_end = set(FINAL)
    while more := {s for s in State if s not in reaches_end and MOVES[s] & reaches_end}:
        reaches_end |= more
    assert reaches_end == set(State)


def test_the_document_draws_exactly_these_moves() -> None:
    drawn = {
        (State(source), State(target))
        for source, target in re.findall(
            r"^\s+(\w+) --> (\w+)", LIFECYCLE.read_text(), re.MULTILINE
        )
    }
    assert drawn == {(source, target) for source, targets in MOVES.items() for target in targets}


def test_the_document_tells_of_every_state() -> None:
    text = LIFECYCLE.read_text()
    assert all(f"| `{state}` |" in text for state in State)


def test_priorities_go_from_high_to_low() -> None:
    assert sorted(Priority, key=lambda priority: priority.rank) == ["high", "normal", "low"]
