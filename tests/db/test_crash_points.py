"""Crash points: each is called somewhere, and kills exactly when it was asked to."""

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from db.crash_points import CrashPoint
from tests.systems.processes import ROOT, is_stopped, project_environment, wait_until

HOUSES = ("api_gateway", "db", "worker")
CROSSING = (
    "from db.crash_points import CrashPoint, reached\n"
    "reached(CrashPoint.CLAIMED)\nprint('went on', flush=True)\nreached(CrashPoint.SETTLED)\n"
)


def _called() -> set[str]:
    """The points that are named in calls of `reached`."""
    return {
        node.args[0].attr
        for house in HOUSES
        for file in (ROOT / house).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "reached"
        and isinstance(node.args[0], ast.Attribute)
    }


def test_every_point_is_reached_somewhere_and_is_named_nowhere_else() -> None:
    assert _called() == {point.name for point in CrashPoint}


def _cross(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", CROSSING],
        env=project_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("asked", "tokens", "dies", "says", "left"),
    [
        ("", ["claimed"], False, True, ["claimed"]),
        ("claimed", [], False, True, []),
        ("claimed", ["claimed-1", "claimed-2"], True, False, ["one of them"]),
        ("settled,claimed", ["settled"], True, True, []),
        ("settled", ["claimed", "settled"], True, True, ["claimed"]),
    ],
)
def test_a_process_dies_where_it_is_asked_to_for_a_token(
    asked: str, tokens: list[str], dies: bool, says: bool, left: list[str], tmp_path: Path
) -> None:
    for token in tokens:
        (tmp_path / token).touch()
    done = _cross(SEGQ_CRASH_AT=asked, SEGQ_CRASH_TOKENS=str(tmp_path))
    assert done.returncode == (-9 if dies else 0), done.stderr
    assert done.stdout == ("went on\n" if says else "")
    assert len(list(tmp_path.iterdir())) == len(left)


def test_a_process_can_be_halted_there_instead(tmp_path: Path) -> None:
    (tmp_path / "claimed.stop").touch()
    environment = {"SEGQ_CRASH_AT": "claimed", "SEGQ_CRASH_TOKENS": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-P", "-c", CROSSING],
        env=project_environment(**environment),
        stdout=subprocess.PIPE,
    ) as popen:
        wait_until(lambda: is_stopped(popen.pid), "it halts")
        popen.send_signal(signal.SIGCONT)
        assert popen.communicate(timeout=20)[0] == b"went on\n"


def test_a_name_that_is_no_point_is_refused() -> None:
    done = _cross(SEGQ_CRASH_AT="claimd")
    assert done.returncode == 1
    assert "SEGQ_CRASH_AT" in done.stderr
