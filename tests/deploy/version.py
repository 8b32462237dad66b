"""The processes of one version of segq, each started by its `segq` command."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cli.ports import free_port
from tests.servers.ports import wait_for_port

_IN_TIME = 60.0


@dataclass
class Version:
    """`source` is its folder, `settings` what its processes are told, `logs` where they write."""

    name: str
    source: Path
    settings: dict[str, str]
    logs: Path
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, command: str, number: int = 1) -> subprocess.Popen[bytes]:
        """`segq COMMAND`, of this version's code alone."""
        name = f"{command}-{number}"
        with (self.logs / f"{self.name}-{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-P", "-m", "cli", command],
                cwd=self.logs,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": f"{self.source}{os.pathsep}{self.source / 'client'}",
                    "SEGQ_PORT": str(self.port),
                    "SEGQ_LOG_FORMAT": "json",
                    **self.settings,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.running[name]

    def start_all(self) -> None:
        """Gateway, two workers, upkeep, beat; returns when the gateway answers."""
        for command, number in (
            *(("worker", 1), ("worker", 2)),
            *(("gateway", 1), ("upkeep", 1), ("beat", 1)),
        ):
            self.start(command, number)
        wait_for_port(self.port, _IN_TIME)

    def stop(self, *names: str) -> None:
        """SIGTERM to these, all at once; each ends cleanly."""
        for name in names:
            self.running[name].terminate()
        for name in names:
            code = self.running.pop(name).wait(_IN_TIME)
            assert code == 0, f"{self.name} {name} ended with {code}: {self.log_of(name)}"

    def kill(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait(10)

    def log_of(self, name: str) -> str:
        return (self.logs / f"{self.name}-{name}.log").read_text()


def errors_in(logs: Path) -> list[str]:
    """Every line of a log that tells of an error."""
    return [
        f"{path.name}: {line}"
        for path in sorted(logs.glob("*.log"))
        for line in path.read_text().splitlines()
        if _is_error(line)
    ]


def _is_error(line: str) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return "Traceback" in line or "ERROR" in line
    return isinstance(record, dict) and record.get("level") in {"error", "critical"}
