"""The sandbox as a process of its own: limits as Segmind has them, and its ledger of all calls."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.servers.ports import free_port, wait_for_port
from benchmarks.servers.processes import Process, plain_environment, running

KEY = "SG_0123456789abcdef"


class Sandbox:
    """A running one; `process` is whose CPU time it takes."""

    def __init__(self, url: str, process: Process, http: httpx.Client) -> None:
        self.url = url
        self.process = process
        self._http = http

    def ledger(self) -> list[dict[str, Any]]:
        """Every call that came so far, refused ones too, in order."""
        rows: list[dict[str, Any]] = self._http.get("/_sandbox/ledger").raise_for_status().json()
        return rows

    def change(self, **settings: object) -> None:
        """From now on these settings, as `sandbox.settings` has them."""
        self._http.post("/_sandbox/settings", json=settings).raise_for_status()


@contextmanager
def running_sandbox(folder: Path, settings: Mapping[str, object]) -> Iterator[Sandbox]:
    """One with `KEY` and these settings, in a process of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-P", "-m", "sandbox", "--port", str(port), "--key", KEY),
        *("--settings", json.dumps(settings)),
    ]
    with (
        running(
            "sandbox", command, folder / "sandbox.log",
            # What it keeps of images goes where all else of this run is.
            environment={**plain_environment(), "TMPDIR": str(folder)},
        ) as process,
        httpx.Client(base_url=url, trust_env=False, timeout=60) as http,
    ):  # fmt: skip
        wait_for_port(port, process.check)
        yield Sandbox(url, process, http)
