"""Secrets that would be recognised anywhere, in systems that everything goes wrong for."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import psycopg
import pytest

from db.engine import Database
from db.migrate import upgrade
from tests.sandbox.sandbox_process import PHOTOGRAPH, SandboxProcess
from tests.servers.databases import new_database
from tests.servers.s3 import running_s3
from tests.systems.jobs_at_work import submit
from tests.systems.processes import project_environment, wait_until
from tests.systems.running_system import System, run_segq, start_system, stop_system

CANARY = "cAnaRy"
"""Part of every secret that a test gives."""
KEY = f"{CANARY}-segmind-key"
GUESSED = f"segq_{CANARY}-somebody-elses-key-0123456789"


@dataclass
class Failing:
    """A system with its servers, which a test may end."""

    system: System
    provider: SandboxProcess
    s3: ExitStack
    postgres: str
    heard: list[bytes] = field(default_factory=list)
    """All that it has answered and printed."""
    statuses: set[int] = field(default_factory=set)

    def ask(self, method: str, path: str, key: str, **more: Any) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.request(method, self.system.gateway + path, headers=headers, **more)
        self.heard.append(repr(answer.headers).encode() + answer.content)
        self.statuses.add(answer.status_code)

    def command(self, *words: str) -> None:
        done = self.system.segq(*words)
        self.heard.append((done.stdout + done.stderr).encode())

    def logged(self, process: str, words: str) -> None:
        """Wait until a process has said so."""
        said = partial(self.system.log, process)
        wait_until(lambda: words in said(), f"{process} says {words}", timeout=40)


def with_password(url: str, password: str) -> str:
    found = urlsplit(url)
    return found._replace(
        netloc=f"{found.username or 'segq'}:{password}@{found.hostname}:{found.port}"
    ).geturl()


@pytest.fixture
def failing(postgres: str, tmp_path: Path) -> Iterator[Failing]:
    database = new_database(postgres)
    provider = SandboxProcess()
    with ExitStack() as stack, ExitStack() as s3:
        stack.callback(provider.end)
        store = s3.enter_context(running_s3(tmp_path / "buckets"))
        environment = project_environment(
            SEGQ_HOME=str(tmp_path / ".segq"),
            SEGQ_PORT="0",
            SEGQ_PROBE_SECONDS="0.5",
            SEGMIND_API_KEY=KEY,
            SEGMIND_API_KEYS=f"second={CANARY}-second-key",
            SEGMIND_BASE_URL=provider.url,
            # It answers what it is asked for by its whole address too: a proxy to itself.
            SEGMIND_PROXY=with_password(provider.url, f"{CANARY}-proxy"),
            DATABASE_URL=with_password(database, f"{CANARY}-database"),
            **store.environment(),
        )
        system = start_system(tmp_path, tmp_path / ".segq", environment)
        stack.callback(stop_system, system)
        yield Failing(system, provider, s3, database)


def test_in_no_log_no_answer_and_no_output(failing: Failing) -> None:
    system = failing.system
    key = str(system.run["api_key"])
    (job,) = submit(system, 1)  # the key is refused: 401
    failing.logged("worker-1", "account_paused")
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/api/v1/jobs/{job}", {}),
        ("GET", "/api/v1/nothing", {}),
        ("POST", "/api/v1/jobs", {"json": {"model": 7}}),
        ("POST", "/api/v1/jobs", {"content": b"{"}),
        ("POST", "/api/v1/inputs", {"files": {"file": ("x.jpg", PHOTOGRAPH)}}),
        ("POST", "/api/v1/inputs", {"files": {"file": ("x.jpg", b"no image")}}),
    ]
    for method, path, more in requests:
        for bearer in (key, GUESSED):
            failing.ask(method, path, bearer, **more)
    with psycopg.connect(failing.postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _ in range(3):
        failing.ask("GET", f"/api/v1/jobs/{job}", key)
    old = system.pid("redis")
    os.kill(old, signal.SIGKILL)
    failing.ask("GET", f"/api/v1/jobs/{job}?wait=1", key)
    system.wait_restarted("redis", old)
    failing.s3.close()
    failing.ask("POST", "/api/v1/inputs", key, files={"file": ("x.jpg", PHOTOGRAPH)})
    assert failing.statuses >= {200, 201, 401, 404, 415, 422, 503}
    failing.provider.end()  # and with it the proxy
    failing.logged("upkeep", "probe_fails")
    failing.logged("worker-1", "ConnectionError")
    for words in ("status", "account", "logs", "logs --format readable", "account resume", "down"):
        failing.command(*words.split())
    made = json.loads((system.home / "secrets.json").read_text())
    written = [path.read_bytes() for path in (system.home / "logs").iterdir()]
    assert len(written) >= 8
    secrets = {name: str(value) for name, value in made.items() if name != "sandbox_key"}
    for secret in (CANARY, "segq-test-secret", *secrets.values()):
        for text in (*written, *failing.heard):
            assert secret.encode() not in text, text.decode(errors="replace")[-5_000:]
            assert quote(secret, safe="").encode() not in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"DATABASE_URL": f"postgresql://segq:{CANARY}@127.0.0.1:1/x"},
        {"DATABASE_URL": f"postgresql://segq:{CANARY}@127.0.0.1:port/x"},
        {"DATABASE_URL": f"mysql://segq:{CANARY}@127.0.0.1/x"},
        {"DATABASE_URL": CANARY},
        {"REDIS_URL": f"redis://:{CANARY}@127.0.0.1:1/0"},
        {"REDIS_URL": f"redis://:half/{CANARY}@127.0.0.1:1/0"},
        {"REDIS_URL": f"redis://:{CANARY}/half@127.0.0.1:1/0"},
        {"REDIS_URL": CANARY},
        {"SEGMIND_API_KEY": f"a {CANARY}"},
        {"SEGMIND_API_KEYS": f"SG_{CANARY}"},
        {"SEGMIND_API_KEYS": f"second={CANARY},third={CANARY}"},
        {"SEGMIND_API_KEY": "x", "SEGQ_ENCRYPTION_KEY": CANARY},
        {"SEGMIND_API_KEY": "x", "SEGMIND_PROXY": f"socks5://u:{CANARY}@127.0.0.1:1"},
        {"SEGMIND_API_KEY": "x", "SEGMIND_BASE_URL": f"https://u:{CANARY}@127.0.0.1:1"},
    ],
    ids=lambda wrong: "-".join(f"{name}={value}" for name, value in wrong.items())[:70],
)
def test_in_no_refusal_to_start(wrong: dict[str, str], tmp_path: Path) -> None:
    environment = project_environment(SEGQ_HOME=str(tmp_path), SEGQ_PORT="0", **wrong)
    done = run_segq(["up", "--detach"], tmp_path, environment)
    try:
        written = [path.read_text() for path in (tmp_path / "logs").glob("*")]
        for text in (done.stdout, done.stderr, *written):
            assert CANARY not in text
        assert done.returncode == 1
        assert done.stderr.startswith("segq: ")
    finally:
        run_segq(["down"], tmp_path, environment)


@pytest.mark.parametrize(
    "words",
    [["api_gateway"], *(["worker", role] for role in ("generate", "upkeep", "beat", "flower"))],
    ids=lambda words: words[-1],
)
def test_in_no_librarys_error(words: list[str], tmp_path: Path) -> None:
    """Whoever leaves a `/` in a password as it is gets the first half of it quoted as a port that
    is no number: by Celery, kombu, redis-py and Flower, in sentences and in tracebacks.
    """
    url = f"sqlite:///{tmp_path / 'segq.db'}"
    database = Database(url)
    upgrade(database)
    database.close()
    environment = project_environment(
        REDIS_URL=f"redis://:{CANARY}-1/{CANARY}-2@127.0.0.1:1/0",
        DATABASE_URL=url,
        SEGQ_ARTIFACTS=str(tmp_path / "artifacts"),
        SEGMIND_API_KEY=KEY,
        FLOWER_BASIC_AUTH=f"segq:{CANARY}-flower",
    )
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(
            lambda: process.poll() is not None or b"[secret]" in log.read_bytes(), "an error"
        )
    finally:
        process.kill()
        process.wait()
    assert b"value as '[secret]'" in log.read_bytes()
    assert CANARY.encode() not in log.read_bytes()
