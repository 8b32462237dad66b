import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.page_of_commands import difference, run_page, steps_of
from tests.systems.running_system import System

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text()


def test_every_example_of_the_api_page_answers_what_the_page_says(
    system: Callable[..., System],
) -> None:
    started = system()
    started.settings(latency={"median": 0.2, "sigma": 0})
    steps = steps_of(PAGE.replace("http://127.0.0.1:8100", started.gateway))
    assert len(steps) >= 15
    environment = {
        "PATH": os.environ["PATH"],
        "PHOTO": str(ROOT / "examples" / "images" / "coffee.jpg"),
    }
    outputs = run_page(steps, started.folder, environment)
    for step, output in zip(steps, outputs, strict=True):
        if step.expected is not None:
            wrong = difference(step.expected, json.loads(output))
            assert wrong is None, f"{step.command}{wrong}\n{output}"


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": True}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": "x…z"}, {"a": "xy"}),
        ({"a": None}, {"a": "None"}),
    ],
)
def test_a_page_that_says_something_else_is_found_out(expected: object, actual: object) -> None:
    assert difference(expected, actual)
