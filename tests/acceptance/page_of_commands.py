"""Runs the shell blocks of a Markdown page and holds the JSON blocks after them to the answers.

`…` in an expected text stands for anything; a member that the page leaves out may be there.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BETWEEN = "\x1e"


@dataclass(frozen=True)
class Step:
    """A shell block, and the JSON that the page says it prints."""

    command: str
    expected: Any = None


def steps_of(page: str) -> list[Step]:
    found: list[Step] = []
    for language, text in _BLOCK.findall(page):
        if language == "sh":
            found.append(Step(text))
        else:
            found[-1] = Step(found[-1].command, json.loads(text))
    return found


def run_page(steps: list[Step], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """What each step prints; all run in one bash, which ends at the first that fails."""
    script = "set -euo pipefail\n" + "".join(
        f"{step.command}\nprintf '{_BETWEEN}'\n" for step in steps
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    outputs = done.stdout.split(_BETWEEN)
    assert done.returncode == 0, f"{steps[len(outputs) - 1].command}\n{done.stdout}\n{done.stderr}"
    return outputs[:-1]


def difference(expected: Any, actual: Any, where: str = "$") -> str | None:
    """Where the answer is not what the page says; None when it is."""
    match expected:
        case dict():
            if not isinstance(actual, dict):
                return f"{where} is {actual!r}"
            for name, one in expected.items():
                if name not in actual:
                    return f"{where}.{name} is missing"
                found = difference(one, actual[name], f"{where}.{name}")
                if found:
                    return found
            return None
        case list():
            if not isinstance(actual, list) or len(actual) != len(expected):
                return f"{where} is {actual!r}"
            pairs = enumerate(zip(expected, actual, strict=True))
            tried = (difference(one, other, f"{where}[{n}]") for n, (one, other) in pairs)
            return next((found for found in tried if found), None)
        case str() if "…" in expected:
            pattern = ".*".join(map(re.escape, expected.split("…")))
            fits = re.fullmatch(pattern, str(actual), re.DOTALL)
            return None if fits else f"{where} is {actual!r}, not {expected!r}"
        case _:
            same = actual == expected and type(actual) is type(expected)
            return None if same else f"{where} is {actual!r}, not {expected!r}"
