"""`segq migrate`, `gateway`, `worker`, ... : each a process of its own, as a container starts it."""

import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.ports import free_port
from cli.readiness import PortAccepts
from segq_client import Client
from tests.cli.test_commands import segq
from tests.servers.databases import new_database
from tests.servers.proxy import proxied
from tests.systems.processes import project_environment, wait_until

KEY = f"segq_{secrets.token_hex(20)}"
AUTH = ("someone", "a password")
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> dict[str, str]:
    """What all services are told; every secret comes as a file."""
    database = f"sqlite:///{tmp_path / 'segq.db'}"
    files = {
        "DATABASE_URL": database,
        "REDIS_URL": valkey,
        "SEGMIND_API_KEY": "SG_0123456789abcdef",
        "SEGQ_API_KEY": KEY,
        "FLOWER_BASIC_AUTH": ":".join(AUTH),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
    nobody = f"http://127.0.0.1:{free_port()}"
    return {
        **{f"{name}_FILE": str(tmp_path / name) for name in files},
        "SEGQ_ARTIFACTS": str(tmp_path / "artifacts"),
        "SEGMIND_BASE_URL": nobody,
    }


@pytest.fixture
def start(tmp_path: Path, settings: dict[str, str]) -> Iterator[Start]:
    """`start("worker", SEGQ_SLOTS="2")` from a folder whose names are those of our packages."""
    elsewhere = tmp_path / "elsewhere"
    for name in ("worker", "db", "api_gateway", "celery"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "__init__.py").write_text("raise SystemExit('not this one')\n")
    (elsewhere / "flowerconfig.py").write_text("raise SystemExit('nor this')\n")
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str, **more: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{name}.log").open("wb") as log:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "cli", name],
                cwd=elsewhere,
                env=project_environment(**settings, **more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        started.append(popen)
        return popen

    yield begin
    for one in started:
        one.kill()
        one.wait()


def test_every_service_runs_alone_and_ends_on_sigterm(
    start: Start, settings: dict[str, str], tmp_path: Path
) -> None:
    migrate = start("migrate")
    assert migrate.wait(60) == 0, (tmp_path / "migrate.log").read_text()
    gateway_port, flower_port = free_port(), free_port()
    running = {"gateway": start("gateway", SEGQ_PORT=str(gateway_port))}
    for name in ("worker", "upkeep", "beat"):
        running[name] = start(name, SEGQ_READY_FILE=str(tmp_path / f"{name}.ready"))
    running["flower"] = start("flower", FLOWER_PORT=str(flower_port))
    for name, port in (("gateway", gateway_port), ("flower", flower_port)):
        wait_until(PortAccepts(port), f"{name} listens", timeout=60)
    for name in ("worker", "upkeep", "beat"):
        wait_until((tmp_path / f"{name}.ready").exists, f"{name} is ready", timeout=60)
    with Client(f"http://127.0.0.1:{gateway_port}", KEY) as client:
        assert client.models()
    flower = f"http://127.0.0.1:{flower_port}/api/workers"
    assert httpx.get(flower, trust_env=False).status_code == 401
    assert httpx.get(flower, auth=AUTH, trust_env=False).status_code == 200
    for name, popen in running.items():
        words = Path(f"/proc/{popen.pid}/cmdline").read_bytes().split(b"\0")
        # The command has become the process: a signal for it is the service's.
        assert b"cli" not in words, name
        popen.send_signal(signal.SIGTERM)
    for name, popen in running.items():
        assert popen.wait(20) in {0, -signal.SIGTERM}, (tmp_path / f"{name}.log").read_text()


def test_migrate_says_what_it_did(tmp_path: Path, settings: dict[str, str]) -> None:
    first = segq("migrate", cwd=tmp_path, **settings)
    assert first.returncode == 0, first.stderr
    assert "(it was empty); the API key was made\n" in first.stdout
    again = segq("migrate", cwd=tmp_path, **settings)
    assert "(as it was); the API key was known\n" in again.stdout
    other = {name: text for name, text in settings.items() if name != "SEGQ_API_KEY_FILE"}
    assert "no SEGQ_API_KEY was given\n" in segq("migrate", cwd=tmp_path, **other).stdout
    assert KEY not in first.stdout + again.stdout


def test_migrate_waits_for_a_database_that_is_still_starting(tmp_path: Path, postgres: str) -> None:
    """Its port hangs up on whoever comes at first, as a container's that initialises itself."""
    port = free_port()
    database = new_database(postgres)
    server, name = database.removeprefix("postgresql://segq@127.0.0.1:").split("/")
    environment = project_environment(DATABASE_URL=f"postgresql://segq@127.0.0.1:{port}/{name}")
    with socket.create_server(("127.0.0.1", port)) as door:
        door.settimeout(30)
        popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", "migrate", "--wait", "30"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3):
            door.accept()[0].close()
    with proxied(int(server), port):
        out, said = popen.communicate(timeout=60)
    assert popen.returncode == 0
    assert said.count("waiting up to 30 s") == 1
    assert "(it was empty)" in out


def test_migrate_gives_up_with_the_reason(tmp_path: Path) -> None:
    url = f"postgresql://someone:canary@127.0.0.1:{free_port()}/x"
    done = segq("migrate", "--wait", "0.1", cwd=tmp_path, DATABASE_URL=url)
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "(waited 0.1 s)" in done.stderr.splitlines()[-1]
    assert "canary" not in done.stderr


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("flower", {"REDIS_URL": "redis://h"}, "FLOWER_BASIC_AUTH must be set"),
        ("flower", {"FLOWER_BASIC_AUTH": "canary", "REDIS_URL": "redis://h"}, "user:password"),
        ("flower", {"FLOWER_BASIC_AUTH": "a:b"}, "REDIS_URL must be set"),
        ("flower", {"FLOWER_PORT": "0"}, "FLOWER_PORT is '0'"),
        ("migrate", {}, "DATABASE_URL must be set"),
        ("migrate", {"DATABASE_URL": "mysql://h/d"}, "DATABASE_URL"),
        ("migrate", {"DATABASE_URL": "sqlite:////nowhere/x.db"}, "unable to open"),
        ("migrate", {"DATABASE_URL": "sqlite:///x.db", "SEGQ_API_KEY": "segq_canary"}, "SEGQ_API"),
        ("gateway", {"DATABASE_URL": "sqlite:///x.db"}, "REDIS_URL"),
        ("worker", {"SEGQ_API_KEY": "x"}, "DATABASE_URL"),
        ("gateway", {"REDIS_URL": "a", "REDIS_URL_FILE": "b"}, "both set"),
    ],
)
def test_what_cannot_start_says_why(
    name: str, environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = segq(name, cwd=tmp_path, **environment)
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "canary" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
