"""What a process's stderr gets: real interpreters that log, warn, and end in exceptions."""

import json
import os
import pty
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from logs.stream import LONGEST_TRACE
from tests.systems.processes import project_environment

CANARY = "cAnaRy-7381"
START = """
import logging, threading, warnings
import structlog
from logs.stream import configure
log = structlog.get_logger()
configure("worker")
"""


def ended(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", START + code],
        env=project_environment(REDIS_URL=f"redis://:{CANARY}@redis", **environ),
        capture_output=True,
        text=True,
        check=False,
    )


def entries(code: str) -> list[dict[str, Any]]:
    found = ended(code)
    assert CANARY not in found.stderr
    assert found.stdout == ""
    return [json.loads(line) for line in found.stderr.splitlines()]


def test_an_event_is_an_object_on_a_line() -> None:
    (entry,) = entries("""
from datetime import datetime, UTC
from uuid import UUID
log.info("found", job=UUID(int=1), at=datetime(2026, 1, 2, tzinfo=UTC), many={1}, said="two\\nlines")
""")
    assert list(entry)[:6] == ["time", "level", "process", "pid", "logger", "event"]
    time = datetime.fromisoformat(entry.pop("time"))
    assert time.utcoffset() == timedelta()
    assert isinstance(entry.pop("pid"), int)
    assert entry == {
        "level": "info",
        "process": "worker",
        "logger": "__main__",
        "event": "found",
        "job": "00000000-0000-0000-0000-000000000001",
        "at": "2026-01-02T00:00:00+00:00",
        "many": [1],
        "said": "two\nlines",
    }


def test_what_is_below_the_level_is_not_written() -> None:
    assert entries('log.debug("never")\nlogging.getLogger("x").debug("never")') == []


@pytest.mark.parametrize(
    ("code", "level", "event"),
    [
        ("log.warning('oddity', said=CANARY)", "warning", "oddity"),
        ("log.warning('oddity', **{CANARY: 1})", "warning", "oddity"),
        ("log.warning('oddity', deep=[{'a': (CANARY,)}, CANARY.encode()])", "warning", "oddity"),
        ("log.warning('oddity', error=ValueError(CANARY))", "warning", "oddity"),
        ("logging.getLogger('kombu').error('to %s', CANARY)", "error", "to [secret]"),
        ("logging.getLogger(CANARY).error('x')", "error", "x"),
        ("logging.getLogger('kombu').error('%s %s', CANARY)", "error", "line_lost"),
        ("log.warning('oddity', circle=CIRCLE)", "error", None),
        ("threading.Thread(target=fail).start()", "error", "thread_crashed"),
        ("Failing()", "error", "exception_dropped"),
        ("fail()", "critical", "crashed"),
        ("raise ValueError('x') from KeyError(CANARY)", "critical", "crashed"),
        ("warnings.warn(CANARY)", "warning", None),
        (
            "try:\n    fail()\nexcept ValueError:\n    log.exception('not_done')",
            "error",
            "not_done",
        ),
        (
            "try:\n    fail()\nexcept ValueError:\n    logging.exception('gone')",
            "error",
            "gone",
        ),
    ],
)
def test_no_way_to_the_log_lets_a_secret_through(code: str, level: str, event: str | None) -> None:
    # The secret is put together, so that no traceback shows it as a line of this source.
    secret = f"CANARY = '{CANARY[:4]}' + '{CANARY[4:]}'"
    found = entries(f"""
{secret}
CIRCLE = [CANARY]
CIRCLE.append(CIRCLE)
def fail():
    unseen = CANARY
    raise ValueError("about " + CANARY)
class Failing:
    def __del__(self):
        fail()
{code}
""")
    assert (found[-1]["level"], found[-1]["process"]) == (level, "worker")
    assert event is None or found[-1]["event"] == event
    # It was there to be masked, or the line as a whole could not be made.
    assert found[-1]["event"] == "line_lost" or "[secret]" in json.dumps(found[-1])


def test_a_traceback_shows_no_values() -> None:
    (entry,) = entries("""
def fail():
    unseen = "a prompt " + str(760941192)
    raise ValueError("told")
try:
    fail()
except ValueError:
    log.exception("not_done")
""")
    assert "in fail" in entry["exception"]
    assert entry["exception"].endswith("ValueError: told")
    assert "760941192" not in json.dumps(entry)


def test_of_a_long_traceback_the_end_is_kept() -> None:
    (entry,) = entries(f"""
try:
    raise ValueError("x" * {LONGEST_TRACE} + "the end")
except ValueError:
    log.exception("not_done")
""")
    assert len(entry["exception"]) == LONGEST_TRACE
    assert entry["exception"].endswith("the end")


def test_a_secret_at_the_cut_of_a_long_trace_is_not_left_in_half() -> None:
    half = LONGEST_TRACE - len(CANARY) // 2
    (entry,) = entries(f"""
secret = '{CANARY[:4]}' + '{CANARY[4:]}'
try:
    raise ValueError(secret + "x" * {half})
except ValueError:
    log.exception("not_done")
""")
    assert CANARY[-4:] not in entry["exception"]


@pytest.mark.parametrize(
    ("chosen", "is_json"), [("auto", False), ("", False), ("json", True), ("console", False)]
)
def test_on_a_terminal_it_is_for_people(chosen: str, is_json: bool) -> None:
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-P", "-c", START + 'log.info("found", job=7)'],
            env=project_environment(SEGQ_LOG_FORMAT=chosen),
            stderr=theirs,
            check=True,
        )
        line = os.read(ours, 4096).decode().strip()
    finally:
        os.close(ours)
        os.close(theirs)
    assert line.startswith("{") == is_json
    assert is_json or line.endswith(" worker  info     found job=7")


@pytest.mark.parametrize(("chosen", "is_json"), [("auto", True), ("console", False)])
def test_elsewhere_it_is_json_unless_asked_for(chosen: str, is_json: bool) -> None:
    found = ended('log.warning("found")', SEGQ_LOG_FORMAT=chosen)
    assert found.stderr.startswith("{") == is_json
    assert "\x1b" not in found.stderr


@pytest.mark.parametrize(
    "words",
    [["api_gateway"], ["worker", "generate"], ["worker", "flower"], ["db", "prepare"]],
    ids=" ".join,
)
def test_another_format_ends_the_start_with_a_line(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", *words],
        env=project_environment(SEGQ_LOG_FORMAT="xml"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "SEGQ_LOG_FORMAT is 'xml'; it must be one of auto, console, json\n"


def test_a_setting_of_the_application_ends_the_start_with_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "worker", "generate"],
        env=project_environment(SEGQ_POOL="No Pool", REDIS_URL=f"redis://:{CANARY}@redis"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("SEGQ_POOL is 'No Pool'")
    assert done.stderr.count("\n") == 1
