"""`segq status`: a line a process."""

import argparse
import os
from pathlib import Path

from cli.home import Home, owner_of
from cli.run_file import read_running
from cli.settings import home_of

NOT_RUNNING = 3  # what `systemctl status` answers for a unit that is not active


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace) -> int:
    home = Home(home_of(os.environ, Path.cwd()))
    running = read_running(home)
    if running is None:
        owner = owner_of(home)
        print(f"nothing runs in {home.path}" if owner is None else f"pid {owner}: not ready")
        return NOT_RUNNING
    where = {"gateway": running.gateway, "flower": running.flower, "sandbox": running.sandbox}
    for name, pid in running.processes.items():
        state = "runs" if _is_alive(pid) else "DOWN"
        print(f"{name:<12} {state}  pid {pid:<8} {where.get(name) or ''}".rstrip())
    return 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
