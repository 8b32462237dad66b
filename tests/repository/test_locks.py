import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))


def _pins(lock: Path) -> list[str]:
    return re.split(r"\n(?=\S)", lock.read_text().replace("\\\n", "").strip())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_has_hashes_and_none_names_a_host(lock: Path) -> None:
    pins = _pins(lock)
    assert len(pins) > 20
    for pin in pins:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ ", pin), pin
        assert "--hash=sha256:" in pin, pin
        assert not re.search(r"https?:|\bfile:|@|--(index|extra|find|trusted)", pin), pin


def test_what_the_tests_run_with_is_what_the_system_runs_with() -> None:
    run, dev = (set(_pins(ROOT / "locks" / f"{name}.txt")) for name in ("run", "dev"))
    assert run <= dev


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    locked = {pin.split("==")[0].partition("[")[0] for pin in _pins(ROOT / "locks" / "run.txt")}
    named = {
        re.split(r"[\[<>=]", dependency)[0]
        for dependency in project["dependencies"] + client["dependencies"]
    }
    assert named - {"segq-client"} <= locked


@pytest.mark.parametrize(
    ("package", "least"), [("celery", (5, 7)), ("kombu", (5, 7)), ("sqlalchemy", (2, 1))]
)
def test_the_versions_that_carry_needed_fixes(package: str, least: tuple[int, int]) -> None:
    major, minor = version(package).split(".")[:2]
    assert (int(major), int(minor)) >= least


def test_every_package_is_listed_and_every_listed_one_is_there() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    houses = (
        "api_gateway",
        "cli",
        "db",
        "jobs",
        "logs",
        "migrations",
        "sandbox",
        "upstream",
        "worker",
    )
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for house in houses
        for init in (ROOT / house).rglob("__init__.py")
    }
    assert set(listed) == found
