"""segq's processes as they are started for real, without a supervisor, on one database."""

import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.queued_jobs import POOL
from benchmarks.servers.group import Group
from benchmarks.servers.ports import free_port, wait_for_port
from benchmarks.servers.processes import Process, plain_environment, wait_for_file
from benchmarks.servers.sandbox import KEY

CALLS_A_MINUTE = 100_000
"""The limiter is on and has every call ask for a permit, but is never what a call waits for."""


def worker_settings(
    folder: Path, database_url: str, redis_url: str, upstream_url: str
) -> dict[str, str]:
    """What a worker's environment has to say; `folder` is for its images."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SEGQ_ARTIFACTS": str(folder / "artifacts"),
        "SEGQ_POOL": POOL,
        "SEGMIND_API_KEY": KEY,
        "SEGMIND_BASE_URL": upstream_url,
        "SEGMIND_RPM": str(CALLS_A_MINUTE),
    }


class Fleet(Group):
    """A `with` block whose end ends what was started. `folder` is for its files."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        redis_url: str,
        upstream_url: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`settings` go over those that all benchmarks have in common."""
        super().__init__()
        self._folder = folder
        common = worker_settings(folder, database_url, redis_url, upstream_url)
        self._environment = plain_environment(**{**common, **(settings or {})})

    def workers(self, count: int, slots: int, *, ticket_seconds: float = 0) -> list[Process]:
        """So many worker processes with so many slots each; all of them serve on return."""
        settings = {"SEGQ_SLOTS": str(slots), "SEGQ_TICKET_SECONDS": f"{ticket_seconds:g}"}
        return self._start_and_wait({f"worker-{n}": "generate" for n in range(count)}, settings)

    def upkeep(self) -> list[Process]:
        """Upkeep and its clock. From now on tickets are topped up."""
        return self._start_and_wait({"upkeep": "upkeep", "beat": "beat"}, {})

    def gateway(self) -> str:
        """One gateway; its URL."""
        port = free_port()
        process = self._start("gateway", ["api_gateway"], {"SEGQ_PORT": str(port)})
        wait_for_port(port, process.check)
        return f"http://127.0.0.1:{port}"

    def logs(self) -> str:
        """Everything that they have written."""
        return "".join(one.log.read_text("utf-8", "replace") for one in self.processes)

    def _start_and_wait(self, roles: dict[str, str], settings: dict[str, str]) -> list[Process]:
        def mark(name: str) -> Path:
            return self._folder / f"{name}.ready"

        started = [
            self._start(name, ["worker", role], {**settings, "SEGQ_READY_FILE": str(mark(name))})
            for name, role in roles.items()
        ]
        for process in started:
            wait_for_file(mark(process.name), process)
        return started

    def _start(self, name: str, words: list[str], settings: dict[str, str]) -> Process:
        return self.start(
            name,
            [sys.executable, "-P", "-m", *words],
            self._folder / f"{name}.log",
            environment={**self._environment, **settings},
        )
