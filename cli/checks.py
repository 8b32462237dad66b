"""`segq test`: what CI runs and what a person runs, in one."""

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from cli.checkout import ROOT
from cli.terminal import say

_FEWEST, _MOST = 3, 8


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "segq test [-- PYTEST_ARGUMENTS]"
    parser.epilog = "With arguments only pytest runs, with them."


def run(options: Namespace) -> int:
    arguments = [word for word in options.rest[:1] if word != "--"] + options.rest[1:]
    environment = clean_environment()
    # More than there are cores: most of the time tests wait for processes. And several at least:
    # tests that only pass one after the other should be found here.
    workers = max(_FEWEST, min(_MOST, os.cpu_count() or _FEWEST))
    # Stealing: or the slowest tests would all be one worker's in the end.
    pytest = (*_module("pytest"), "-n", str(workers), "--dist", "worksteal", *arguments)
    checks: list[tuple[str, Sequence[str]]] = [("pytest", pytest)]
    if not arguments:
        checks = [
            ("ruff check", (*_module("ruff"), "check", ".")),
            ("ruff format --check", (*_module("ruff"), "format", "--check", ".")),
            ("mypy", _module("mypy")),
            # It has no module to run: its program stands beside the interpreter.
            ("lint-imports", (str(Path(sys.executable).with_name("lint-imports")),)),
            *checks,
        ]
    for name, command in checks:
        say(f"== {name}")
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if code != 0:
            # After pytest nothing is said: its own summary stays the last thing on the screen.
            if name != "pytest":
                say(f"== {name} FAILED (exit code {code}); what comes after it did not run")
            return code if code > 0 else 1
    return 0


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", name)


def clean_environment() -> dict[str, str]:
    """A key or a home that the user has exported must not change what the tests do, or spend."""
    ours = ("SEGQ_", "SEGMIND_", "FLOWER_", "AWS_", "DATABASE_URL", "REDIS_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
