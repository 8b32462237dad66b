"""docs/logs.md against the code: every event with its level, its writers and its fields."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from logs.readable import FRAME

ROOT = Path(__file__).parents[2]
PACKAGES = ("api_gateway", "cli", "db", "jobs", "logs", "migrations", "upstream", "worker")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
WORKERS = {"worker", "upkeep"}
CELERY = WORKERS | {"beat", "flower"}
ALL = CELERY | {"gateway", "migrate"}
WRITERS = {"api_gateway": {"gateway"}, "db": ALL, "logs": ALL, "worker": CELERY}
"""The processes that run each package's code."""


@dataclass
class Event:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)


def _calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a method of a module's `log`."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            tree = ast.parse(file.read_text())
            if "structlog.get_logger()" not in file.read_text():
                continue
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and ast.unparse(node.func.value) == "log"
                ):
                    yield package, node


def _events() -> dict[str, Event]:
    found: dict[str, Event] = defaultdict(Event)
    for package, call in _calls():
        shown = ast.unparse(call)
        assert isinstance(call.func, ast.Attribute)
        assert call.func.attr in LEVELS, shown
        (name,) = call.args
        assert isinstance(name, ast.Constant), shown
        assert isinstance(name.value, str), shown
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name.value), shown
        event = found[name.value]
        event.levels.add("error" if call.func.attr == "exception" else call.func.attr)
        event.packages.add(package)
        for keyword in call.keywords:
            assert keyword.arg is not None, f"fields must be named: {shown}"
            assert keyword.arg not in {*FRAME, "exception"}, f"every line has it already: {shown}"
            if keyword.arg != "exc_info":
                event.fields.add(keyword.arg)
    return found


EVENTS = _events()
ROWS = {
    cells[0].strip("`"): cells
    for line in (ROOT / "docs" / "logs.md").read_text().splitlines()
    if line.startswith("| `")
    for cells in [[cell.strip() for cell in line.split("|")[1:-1]]]
}


def test_every_event_stands_there_and_no_other() -> None:
    assert set(ROWS) == set(EVENTS)
    assert len(EVENTS) > 20


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_level_and_fields_are_those_of_the_code(name: str) -> None:
    event, (_, level, _, fields, means) = EVENTS[name], ROWS[name]
    assert event.levels == {level}
    assert event.fields == set(re.findall(r"`(\w+)`", fields))
    assert means


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_who_writes_it_can(name: str) -> None:
    by = ROWS[name][2]
    named = {"all": ALL, "all but migrate": ALL - {"migrate"}}.get(by) or set(by.split(", "))
    assert named <= ALL
    assert named <= set().union(*(WRITERS[package] for package in EVENTS[name].packages))


def test_nobody_logs_in_another_way() -> None:
    """A line of `logging.getLogger` would have no name for what happened."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if package != "logs":
                assert "import logging" not in file.read_text(), file
