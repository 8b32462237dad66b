"""What people see of the files of `segq up`: `segq logs`, and a child's last words."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from cli.child import Child
from cli.process import Process
from tests.systems.processes import project_environment

ENTRY = {
    "time": "2026-09-30T08:15:02.104233Z",
    "level": "warning",
    "process": "gateway",
    "pid": 7,
    "logger": "api_gateway.hints",
    "event": "hints_unavailable",
    "error": "ConnectionError",
    "exception": "Traceback:\nConnectionError: gone",
}
READABLE = [
    "2026-09-30T08:15:02.104Z gateway warning  hints_unavailable error=ConnectionError",
    "    Traceback:",
    "    ConnectionError: gone",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    logs = tmp_path / ".segq" / "logs"
    logs.mkdir(parents=True)
    (logs / "gateway.log").write_text(json.dumps(ENTRY) + "\n")
    (logs / "redis.log").write_text("Ready to accept connections\n")
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "cli", "logs", *words]


def piped(home: Path, *words: str) -> list[str]:
    done = subprocess.run(
        command(*words), cwd=home, env=project_environment(), capture_output=True, check=True
    )
    return done.stdout.decode().splitlines()


def on_a_terminal(home: Path, *words: str) -> list[str]:
    ours, theirs = pty.openpty()
    try:
        environment = project_environment(NO_COLOR="1")
        subprocess.run(command(*words), cwd=home, env=environment, stdout=theirs, check=True)
        return os.read(ours, 65_536).decode().splitlines()
    finally:
        os.close(ours)
        os.close(theirs)


def test_piped_it_is_as_it_stands(home: Path) -> None:
    assert piped(home, "gateway") == [json.dumps(ENTRY)]


def test_readable_when_asked_for_and_every_line_says_whose_it_is(home: Path) -> None:
    assert piped(home, "--format", "readable", "gateway") == READABLE
    assert piped(home, "--format", "readable") == [
        *(f"gateway | {line}" for line in READABLE),
        "redis   | Ready to accept connections",
    ]


def test_on_a_terminal_it_is_readable_unless_asked_for(home: Path) -> None:
    assert on_a_terminal(home, "gateway") == READABLE
    assert on_a_terminal(home, "--format", "raw", "gateway") == [json.dumps(ENTRY)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise KeyError('gone')", "crashed: KeyError: 'gone'"),
        # Its line is longer than what one reads of a file by default.
        ("raise ValueError('so ' * 3_000 + '\\nto the end')", "crashed: to the end"),
        ("log.error('not_done', job=7); raise SystemExit(1)", "not_done job=7"),
    ],
)
def test_a_childs_last_words_are_for_people(tmp_path: Path, code: str, words: str) -> None:
    start = "import structlog; from logs.stream import configure; configure('worker')\n"
    program = f"{start}log = structlog.get_logger()\n{code}"
    process = Process("worker-1", (sys.executable, "-P", "-c", program), project_environment())
    child = Child(process, tmp_path, tmp_path, now=0.0)
    child._popen.wait()
    assert f"ended (exit code 1, last said: {words}" in child.reason()
    assert "{" not in child.reason()
