"""The light stand-in for Segmind as a process, and what it noted."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.servers.ports import free_port, wait_for_port
from benchmarks.servers.processes import plain_environment, running


@dataclass(frozen=True)
class Stats:
    """Times are `time.time()` seconds; 0 when no call came. `asked`: questions for v2 requests."""

    calls: int
    first: float
    last: float
    asked: int


class Upstream:
    """A running one."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self._http = http

    def stats(self) -> Stats:
        return Stats(**self._http.get("/stats").raise_for_status().json())

    def calls(self) -> list[tuple[float, int]]:
        """When each call came, and the seed that it sent."""
        rows = self._http.get("/calls").raise_for_status().json()
        return [(at, seed) for at, seed in rows]

    def reset(self) -> None:
        self._http.post("/reset").raise_for_status()


@contextmanager
def running_upstream(folder: Path, *, seconds: float) -> Iterator[Upstream]:
    """One that answers every call after so many seconds."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        running(
            "upstream",
            [sys.executable, "-P", "-m", "benchmarks.upstream", str(port), str(seconds)],
            folder / "upstream.log",
            environment=plain_environment(),
        ) as process,
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        wait_for_port(port, process.check)
        yield Upstream(url, http)
