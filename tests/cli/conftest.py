"""Starting toy systems: real supervisors over real, small processes."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.systems.processes import is_gone, project_environment, wait_until

# A child that lives until SIGTERM, and then writes its name into the file `order`.
LIVES = """
import os, pathlib, signal, time
home = pathlib.Path(os.environ["HOME_OF_TEST"])
def end(*_):
    with open(home / "order", "a") as file:
        file.write("{name}\\n")
    raise SystemExit
signal.signal(signal.SIGTERM, end)
(home / "ready-{name}").touch()
while True:
    time.sleep(60)
"""


def lives(name: str, **more: Any) -> dict[str, Any]:
    """A table entry for `LIVES`."""
    return {"name": name, "code": LIVES.replace("{name}", name), "marks": True, **more}


@dataclass
class Toy:
    """One toy system."""

    home: Path
    popen: subprocess.Popen[bytes]

    @property
    def said(self) -> list[str]:
        return (self.home / "said").read_text().splitlines()

    @property
    def pids(self) -> dict[str, int]:
        return dict(json.loads((self.home / "pids.json").read_text()))

    @property
    def order(self) -> list[str]:
        """The names of the children that were ended by SIGTERM, in the order of their ends."""
        path = self.home / "order"
        return path.read_text().split() if path.exists() else []

    def wait_said(self, words: str) -> None:
        wait_until(lambda: any(words in line for line in self.said), f"{words!r} said")

    def end(self, signal_number: int) -> int:
        self.popen.send_signal(signal_number)
        return self.popen.wait(timeout=20)


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Callable[..., Toy]]:
    """`toy(*entries, ready=True)` starts a system and waits for its readiness."""
    started: list[Toy] = []

    def start(*entries: dict[str, Any], ready: bool = True) -> Toy:
        table = tmp_path / "table.json"
        table.write_text(json.dumps(entries))
        with (tmp_path / "said").open("wb") as said:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.cli.toy_system", str(tmp_path), str(table)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=project_environment(),
            )
        one = Toy(tmp_path, popen)
        started.append(one)
        if ready:
            one.wait_said("ready")
        return one

    yield start
    for one in started:
        children = one.pids if (one.home / "pids.json").exists() else {}
        one.popen.kill()
        one.popen.wait()
        for name, pid in children.items():
            wait_until(partial(is_gone, pid), f"{name} gone")
