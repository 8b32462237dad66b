import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.page_of_commands import difference, run_page, steps_of
from tests.systems.running_system import System

PAGE = (Path(__file__).parents[2] / "docs" / "batches.md").read_text()


def test_every_example_of_the_batches_page_answers_what_the_page_says(
    system: Callable[..., System],
) -> None:
    started = system()
    started.settings(latency={"median": 0.2, "sigma": 0})
    steps = steps_of(PAGE.replace("http://127.0.0.1:8100", started.gateway))
    assert len(steps) >= 7
    outputs = run_page(steps, started.folder, {"PATH": os.environ["PATH"]})
    for step, output in zip(steps, outputs, strict=True):
        if step.expected is not None:
            wrong = difference(step.expected, json.loads(output))
            assert wrong is None, f"{step.command}{wrong}\n{output}"
