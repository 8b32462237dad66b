"""A gateway as it is started for real: its own process, on a free port, ended by its own id."""

import os
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cli.ports import free_port
from db.api_keys import KEY_PREFIX
from db.artifact_place import artifact_place, open_artifacts
from db.artifacts import ArtifactStore
from db.engine import Database
from db.tenants import TenantStore
from tests.systems.threads import FOR_THREADS

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Gateway:
    """A running gateway, the database and the store that it works with.

    `artifacts` is the store's folder, unless the test has named another place.
    """

    url: str
    redis: str
    artifacts: Path
    store: ArtifactStore
    database: Database
    process: subprocess.Popen[bytes]
    log: Path

    def key(self, tenant: str) -> str:
        """A fresh key that opens the tenant of this name."""
        key = KEY_PREFIX + secrets.token_hex()
        TenantStore(self.database).ensure_key(tenant, key, "a test")
        return key

    def kept_files(self) -> set[Path]:
        """Every file of the artifact folder, unfinished ones too."""
        return {path for path in self.artifacts.rglob("*") if path.is_file()}

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            limits=FOR_THREADS,
            # Reading the system's certificates for each client would take most of the time.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )


@contextmanager
def running_gateway(
    folder: Path, database: Database, redis: str, **settings: str
) -> Iterator[Gateway]:
    """Started with `python -m api_gateway`; answers when this yields."""
    port = free_port()
    artifacts = folder / "artifacts"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "REDIS_URL": redis,
        "SEGQ_ARTIFACTS": str(artifacts),
        "SEGQ_PORT": str(port),
        **settings,
    }
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "api_gateway"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_alive(url, process, log)
        store = open_artifacts(artifact_place(environment))
        yield Gateway(url, redis, artifacts, store, database, process, log)
    finally:
        process.terminate()
        process.wait(15)


def _wait_until_alive(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            if httpx.get(f"{url}/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.02)
