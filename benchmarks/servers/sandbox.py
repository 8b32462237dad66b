"""The sandbox as a process, and what it charged."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.servers.ports import free_port, wait_for_port
from benchmarks.servers.processes import plain_environment, running


class Sandbox:
    """A running one."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self._http = http

    def ledger(self) -> list[dict[str, Any]]:
        """Every call that it took or refused, in their order."""
        return list(self._http.get("/_sandbox/ledger").raise_for_status().json())


@contextmanager
def running_sandbox(folder: Path, key: str, settings: Mapping[str, object]) -> Iterator[Sandbox]:
    """One with an account of this key; `settings` as `sandbox.settings` has them."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = ["--port", str(port), "--key", key, "--settings", json.dumps(settings)]
    with (
        running(
            "sandbox",
            [sys.executable, "-P", "-m", "sandbox", *words],
            folder / "sandbox.log",
            environment=plain_environment(),
        ) as process,
        httpx.Client(base_url=url, trust_env=False, timeout=30) as http,
    ):
        wait_for_port(port, process.check)
        yield Sandbox(url, http)
