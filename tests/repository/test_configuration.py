"""docs/configuration.md against the code: every variable, its default and both its bounds."""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import api_gateway.settings
import cli.flower
import cli.settings
import worker.settings
from cli.complaint import ComplaintError
from cli.services import SECRETS
from jobs.errors import InvalidSetting

ROOT = Path(__file__).parents[2]
PACKAGES = ("api_gateway", "cli", "db", "jobs", "logs", "sandbox", "upstream", "worker")
NAMES = re.compile(r"(AWS|SEGQ|SEGMIND|FLOWER)_[A-Z_]*[A-Z]|DATABASE_URL|REDIS_URL")
NEEDED = {
    "DATABASE_URL": "sqlite:///x.db",
    "REDIS_URL": "redis://localhost",
    "SEGQ_ARTIFACTS": "artifacts",
    "SEGMIND_API_KEY": "SG_0123456789abcdef",
}
READERS: dict[str, Callable[[Mapping[str, str]], object]] = {
    "up": lambda environ: cli.settings.read_settings(environ, Path("/")),
    "gateway": api_gateway.settings.Settings.from_environment,
    "worker": worker.settings.read,
    "flower": cli.flower.port_of,
}


@dataclass(frozen=True)
class Row:
    name: str
    default: str
    allowed: str
    readers: tuple[str, ...]

    @property
    def bounds(self) -> tuple[float, float]:
        low, high = _numbers(self).removesuffix(" s").split(" to ")
        return float(low), float(high)


def _numbers(row: Row) -> str:
    """What is allowed besides a word."""
    return row.allowed.removeprefix("`auto` or ")


def _rows() -> list[Row]:
    text = (ROOT / "docs" / "configuration.md").read_text()
    found = []
    for line in text.splitlines():
        if line.startswith("| `"):
            name, default, allowed, readers, means = (one.strip() for one in line.split("|")[1:-1])
            assert means, name
            words = tuple(one.strip().strip("`") for one in readers.split(","))
            found.append(Row(name.strip("`"), default.strip("`"), allowed, words))
    return found


ROWS = _rows()
COUNTED = [row for row in ROWS if re.fullmatch(r"[0-9.]+ to [0-9.]+( s)?", _numbers(row))]
READ = [(row, reader) for row in COUNTED for reader in row.readers]
CASE = pytest.mark.parametrize(
    ("row", "reader"), READ, ids=lambda one: one if isinstance(one, str) else one.name
)


def test_every_variable_that_the_code_names_stands_there_and_no_other() -> None:
    named = {
        node.value
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and NAMES.fullmatch(node.value)
    }
    assert {row.name for row in ROWS} == named | {f"{name}_FILE" for name in SECRETS}
    assert len(ROWS) == len({row.name for row in ROWS})


@CASE
def test_the_default_is_what_is_taken_when_nothing_is_set(row: Row, reader: str) -> None:
    read = READERS[reader]
    assert read({**NEEDED, row.name: row.default}) == read(NEEDED)


@CASE
def test_both_bounds_are_taken_and_what_lies_outside_is_refused(row: Row, reader: str) -> None:
    read = READERS[reader]
    low, high = row.bounds
    for good in (low, high):
        assert read({**NEEDED, row.name: f"{good:.12g}"})
    step = 0.01 if row.allowed.endswith(" s") else 1
    wrong = [low - step, high + step, float("nan")]
    if reader == "up" and row.name == "SEGQ_PORT":
        wrong.remove(0)  # a free one
    for bad in wrong:
        with pytest.raises((InvalidSetting, ComplaintError), match=row.name):
            read({**NEEDED, row.name: f"{bad:.12g}"})
