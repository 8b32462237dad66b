"""One running system as a test sees it: its run.json, its client, its sandbox, its rows."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy

from db.artifact_place import artifact_place, open_artifacts
from db.artifacts import ArtifactStore
from segq_client import Client
from tests.systems.processes import is_gone, wait_until
from tests.systems.sandbox_control import SandboxControl

# Far above what a start or a stop takes: it only ends a test that hangs.
_LIMIT = 120.0


@dataclass
class System:
    """A started system. `home` is SEGQ_HOME, `folder` where its commands run."""

    folder: Path
    home: Path
    environment: dict[str, str] = field(repr=False)
    client: Client
    database: str = field(repr=False)
    artifacts: ArtifactStore
    # Whose ledger counts where the system has no sandbox of its own.
    upstream: str | None = None
    # Every pid that was ever seen in run.json: what is to be gone at the end.
    seen: set[int] = field(default_factory=set)

    @property
    def run(self) -> dict[str, Any]:
        """run.json as it is now."""
        found: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        self.seen.update(found["processes"].values())
        return found

    @property
    def gateway(self) -> str:
        return str(self.run["gateway"])

    @property
    def sandbox(self) -> SandboxControl:
        """Its sandbox; fails where the system has none."""
        url = self.upstream or self.run["sandbox"]
        assert url, "this system runs without a sandbox"
        return SandboxControl(url)

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        """The sandbox's ledger, from row `since` on."""
        return self.sandbox.ledger(since)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change the sandbox's settings; returns all of them."""
        return self.sandbox.settings(**changes)

    def pid(self, name: str) -> int:
        """The pid that run.json names now for `worker-1`, `redis`, ..."""
        return int(self.run["processes"][name])

    def wait_restarted(self, name: str, old: int) -> int:
        """Wait until run.json names another pid than `old`, and return it."""
        wait_until(lambda: self.pid(name) != old, f"{name} started again", timeout=60)
        return self.pid(name)

    def sql(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Run one statement on the system's database (`:name` binds); rows as dicts."""
        ids = [
            sqlalchemy.bindparam(name, type_=sqlalchemy.Uuid())
            for name, value in values.items()
            if isinstance(value, UUID)
        ]
        with self._engine() as engine, engine.begin() as connection:
            result = connection.execute(sqlalchemy.text(query).bindparams(*ids), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    @contextmanager
    def attempts_held(self) -> Iterator[None]:
        """While it is entered nobody can write down how an attempt ended."""
        with self._engine() as engine, engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE")
            yield
            connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def _engine(self) -> Iterator[sqlalchemy.Engine]:
        engine = sqlalchemy.create_engine(self.database, poolclass=sqlalchemy.NullPool)
        try:
            yield engine
        finally:
            engine.dispose()

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.home / "logs" / f"{name}.log").read_text(errors="replace")

    def events(self, process: str, event: str) -> list[dict[str, Any]]:
        """What it has logged of one event."""
        lines = [line for line in self.log(process).splitlines() if line.startswith("{")]
        return [found for line in lines if (found := json.loads(line))["event"] == event]

    def segq(self, *words: str, timeout: float = _LIMIT) -> subprocess.CompletedProcess[str]:
        """Run a command of `segq` against this system."""
        return run_segq(words, self.folder, self.environment, timeout)


def run_segq(
    words: Sequence[str], folder: Path, environment: dict[str, str], timeout: float = _LIMIT
) -> subprocess.CompletedProcess[str]:
    """`segq WORDS` in `folder`, to its end."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start_system(folder: Path, home: Path, environment: dict[str, str]) -> System:
    """`segq up --detach`; fails with what it said when it does not become ready."""
    done = run_segq(["up", "--detach"], folder, environment)
    assert done.returncode == 0, f"segq up --detach: {done.stderr}{_log_ends(home)}"
    found = json.loads((home / "run.json").read_text())
    client = Client(found["gateway"], found["api_key"])
    return System(
        folder,
        home,
        environment,
        client,
        found["database"],
        open_artifacts(artifact_place({**environment, "SEGQ_ARTIFACTS": found["artifacts"]})),
        seen=set(found["processes"].values()),
    )


def stop_system(system: System) -> None:
    """`segq down`, unless the test has ended it; nothing may be left."""
    system.client.close()
    if (system.home / "run.json").exists():
        _ = system.run
    done = system.segq("down")
    assert done.returncode == 0, done.stderr
    _assert_all_are_gone(system)


def end_system_at_once(system: System) -> None:
    """As a person does who presses Ctrl-C more than once: no call is waited for."""
    system.client.close()
    if (system.home / "run.json").exists():
        supervisor = system.pid("supervisor")
        os.kill(supervisor, signal.SIGTERM)

        def is_ended() -> bool:
            with suppress(ProcessLookupError):
                os.kill(supervisor, signal.SIGINT)
            return is_gone(supervisor)

        wait_until(is_ended, "segq up has ended", every=0.1)
    _assert_all_are_gone(system)


def _assert_all_are_gone(system: System) -> None:
    for pid in system.seen:
        wait_until(partial(is_gone, pid), f"pid {pid} gone")


def _log_ends(home: Path) -> str:
    """The last lines of every log: a start that failed in CI must explain itself."""
    ends = [
        f"\n--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-20:])
        for path in sorted((home / "logs").glob("*.log"))
    ]
    return "".join(ends)
