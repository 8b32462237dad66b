"""Starts a whole segq for tests, and ends it: its own processes, in its own folder, on free ports."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from segq_client.client import Client
from segq_client.errors import SegqError
from segq_client.testing.sandbox import Sandbox

# Far above what a start or a stop takes: it only ends one that hangs.
_LIMIT = 120.0
# What a pause or a lost answer waits for is short, so that a test of it is.
_BRISK = {
    "SEGMIND_RPM": "100000",
    "SEGMIND_TIMEOUT": "10",
    "SEGQ_PROBE_SECONDS": "0.5",
    "SEGQ_BREAKER_SECONDS": "0.2",
    "SEGQ_RESET_GUESS_SECONDS": "0.5",
    "SEGQ_RESET_LONGEST_SECONDS": "1",
}
_LATENCY = {"latency": {"median": 0.05, "sigma": 0.0}, "queue": {"median": 0.0, "sigma": 0.0}}
# A key or a database that somebody has exported must not be spent or written to, and their
# PYTHONPATH would put an app's own `jobs` or `worker` before segq's.
_NEVER = ("SEGQ_", "SEGMIND_", "FLOWER_", "AWS_", "DATABASE_URL", "REDIS_URL", "PYTHON")


class StartError(SegqError):
    """segq could not be started, or is not installed here; in one line why."""


@dataclass(frozen=True)
class SegqServer:
    """A running segq. `url` and `key` are what an app is told; `home` holds its logs and its images."""

    url: str
    key: str = field(repr=False)
    home: Path
    sandbox: Sandbox

    @property
    def environment(self) -> dict[str, str]:
        """What `Client.from_env` reads: to be set for the app under test."""
        return {"SEGQ_URL": self.url, "SEGQ_API_KEY": self.key}

    def client(self) -> Client:
        """A client of one's own; it is to be closed."""
        return Client(self.url, self.key)

    def reset(self) -> None:
        """The sandbox as it was at the start, and no account or model that pauses for what it met."""
        self.sandbox.reset()
        with self.client() as client:
            for pause in client.pauses():
                # A group or a tenant was paused by the test's own hand, through its own client.
                if pause["kind"] in {"account", "model"}:
                    client.resume(**{pause["kind"]: pause[pause["kind"]]})


@contextmanager
def running_server(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[SegqServer]:
    """A segq with all its state in `home`, a folder that is made or empty; it is ended at the end.

    `settings` are environment variables as docs/configuration.md has them, such as SEGQ_SLOTS. Raises
    `StartError`.
    """
    try:
        version("segq")
    except PackageNotFoundError:
        raise StartError(
            "segq itself is not installed beside segq-client: pip install segq"
        ) from None
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NEVER)}
    own = {"SEGQ_HOME": str(home), "SEGQ_PORT": "0"}
    environment = {**kept, **_BRISK, **(settings or {}), **own}
    _segq(["up", "--detach"], environment)
    try:
        run = json.loads((home / "run.json").read_text())
        sandbox = Sandbox(run["sandbox"])
        usual = sandbox.settings(**_LATENCY)
        yield SegqServer(run["gateway"], run["api_key"], home, Sandbox(sandbox.url, usual))
    finally:
        # It ends the supervisor that holds this folder's lock, whatever pid it has.
        _segq(["down"], environment)


def _segq(words: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        # -P: a folder `cli` where the tests are run is not segq's.
        [sys.executable, "-P", "-m", "cli", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"it ended with {done.returncode}"
        raise StartError(f"segq {' '.join(words)}: {said}")
