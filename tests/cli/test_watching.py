"""`segq run` and `segq demo` in front of slow calls, and a person who does not wait."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systems.processes import ROOT, is_gone, project_environment, wait_until
from tests.systems.running_system import System, start_system, stop_system

# Longer than what happens to the call in the test.
SLOW = {"median": 6.0, "sigma": 0.0}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    home = tmp_path / ".segq"
    settings = {"SEGQ_HOME": str(home), "SEGQ_PORT": "0"}
    started = start_system(tmp_path, home, project_environment(**settings))
    started.settings(latency=SLOW)
    yield started
    stop_system(started)


def test_ctrl_c_names_the_job_and_the_command_that_cancels_it(system: System) -> None:
    said = system.folder / "said"
    photograph = ROOT / "examples" / "images" / "coffee.jpg"
    words = ["run", "ssd-canny", "--image", str(photograph), "--prompt", "tea"]
    with said.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", *words],
            cwd=system.folder,
            env=system.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    wait_until(lambda: " is running" in said.read_text(), "the job runs")
    found = re.search(r"job (\S+) is running", said.read_text())
    assert found
    # What the gateway says about it is passed on, once.
    system.client.cancel(found[1])
    wait_until(lambda: "is running: Cancel was asked for" in said.read_text(), "the note")
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=20) == 130
    *_, last = said.read_text().splitlines()
    assert last.startswith(f"segq: job {found[1]} goes on (and may be paid); to cancel it: curl ")
    assert "Traceback" not in said.read_text()
    assert system.run["api_key"] not in said.read_text()
    if shutil.which("curl"):
        command = last.partition("to cancel it: ")[2]
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert f'"id":"{found[1]}"' in done.stdout.replace(" ", "")


def test_ctrl_c_in_a_demo_says_what_is_left_and_a_second_one_what_is_cut_off(
    tmp_path: Path,
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", "demo", "--exit"],
            cwd=tmp_path,
            env=project_environment(SEGQ_PORT="0"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    wait_until(lambda: ": running" in said.read_text(), "a job runs", timeout=60)
    gateway = json.loads((tmp_path / ".segq" / "run.json").read_text())["processes"]["gateway"]
    demo.send_signal(signal.SIGINT)
    # The doors are closed first; the worker then finishes its calls.
    wait_until(lambda: is_gone(gateway), "the stop has begun")
    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=20) == 1
    text = said.read_text()
    assert "worker-1 ended at once: calls in flight were cut off" in text
    assert re.search(r"^segq: \d of the jobs were not finished", text, re.MULTILINE)
    # Pages of a system that is about to end are not offered.
    assert "Flower" not in text
    assert "Traceback" not in text
