"""A second process of a kind beside a running system's own, with the same settings."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.services import SERVICES
from tests.systems.processes import wait_until
from tests.systems.running_system import System


@contextmanager
def beside(system: System, service: str, like: str, **changes: str) -> Iterator[int]:
    """`service` with the environment of the system's process `like`; gives its pid when it serves.

    A gateway is to be given a port of its own in `changes`, and is waited for by who asks it.
    """
    mark = system.folder / f"second-{service}-{len(list(system.folder.iterdir()))}"
    environment = {**environment_of(system.pid(like)), "SEGQ_READY_FILE": str(mark), **changes}
    with mark.with_suffix(".log").open("wb") as log:
        popen = subprocess.Popen(
            SERVICES[service].argv,
            env=environment,
            cwd=system.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        if service != "gateway":
            wait_until(mark.exists, f"a second {service} serves", timeout=60)
        yield popen.pid
    finally:
        popen.terminate()
        try:
            popen.wait(30)
        finally:
            popen.kill()  # nothing may be left of a test, whatever it found out
            popen.wait()


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(os.fsdecode(pair).split("=", 1) for pair in pairs if pair)
