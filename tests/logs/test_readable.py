import json
from typing import Any

import pytest

from logs.readable import entry_of, in_short, readable

ENTRY: dict[str, Any] = {
    "time": "2026-09-30T08:15:02.104233Z",
    "level": "warning",
    "process": "worker",
    "pid": 7,
    "logger": "db.runs",
    "event": "account_paused",
}


def test_a_line_has_time_process_level_event_and_fields() -> None:
    entry = {**ENTRY, "reason": "key_refused", "said": 'no "such" key', "n": 3, "model": None}
    assert readable(entry) == (
        "2026-09-30T08:15:02.104Z worker  warning  "
        'account_paused reason=key_refused said="no \\"such\\" key" n=3 model=null'
    )


def test_a_librarys_sentence_says_whose_it_is() -> None:
    entry = {**ENTRY, "logger": "kombu", "event": "no way"}
    assert readable(entry).endswith(" warning  kombu: no way")


def test_an_exception_stands_below() -> None:
    entry = {**ENTRY, "exception": "Traceback:\n  File x\nKeyError: 'y'\n"}
    head, *below = readable(entry).split("\n")
    assert head.endswith("account_paused")
    assert below == ["    Traceback:", "      File x", "    KeyError: 'y'"]
    assert in_short(entry) == "account_paused: KeyError: 'y'"


@pytest.mark.parametrize("name", ["event", "said", "process", "time", "logger", "exception"])
def test_nothing_in_it_moves_the_cursor(name: str) -> None:
    evil = "a\x1b[2Jb\rc\x9bd\u202ee\x00"
    shown = readable({**ENTRY, name: evil})
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_colours_are_for_what_needs_a_look() -> None:
    assert "\x1b[33m" in readable(ENTRY, colours=True)
    assert "\x1b" not in readable({**ENTRY, "level": "info"}, colours=True)


@pytest.mark.parametrize("line", ["", "ready", "{", "{}", '{"event": "x"}', "[1]", "{1}"])
def test_other_programs_lines_are_no_entries(line: str) -> None:
    assert entry_of(line) is None


def test_an_entry_is_read_from_its_line() -> None:
    assert entry_of(json.dumps(ENTRY)) == ENTRY
