"""`segq status`: a line a process, one a store that somebody else runs, and one of trouble."""

import argparse
import os
from pathlib import Path

from cli.account_lines import trouble_line
from cli.home import Home, owner_of
from cli.run_file import Running, read_running
from cli.secret_files import with_secrets
from cli.services import SECRETS_OF_S3
from cli.settings import home_of
from segq_client import Client, SegqError, Unreachable

NOT_RUNNING = 3  # what `systemctl status` answers for a unit that is not active
# Seconds. A gateway that hangs is a finding, and no reason for this command to hang as well.
_PATIENCE = 2.0


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
    alive = {name: _is_alive(pid) for name, pid in running.processes.items()}
    silent, more = _ask_gateway(running) if alive.get("gateway") else ("", None)
    for name, pid in running.processes.items():
        state = "runs" if alive[name] else "DOWN"
        note = silent if name == "gateway" else ""
        print(f"{name:<12} {state}  pid {pid:<8} {where.get(name) or ''}{note}".rstrip())
    if running.has_stores_elsewhere(home):
        # Imported here: what asks them takes longer to load than all else here to run.
        from cli.stores_seen import store_lines  # noqa: PLC0415

        print("\n".join(store_lines(running, home, with_secrets(os.environ, SECRETS_OF_S3))))
    if more is not None:
        print(more)
    return 0


def _ask_gateway(running: Running) -> tuple[str, str | None]:
    """What its own line says besides, and the line about trouble, if there is one."""
    try:
        with Client(running.gateway, running.api_key, timeout=_PATIENCE, tries=1) as client:
            return "", trouble_line(client.account())
    except Unreachable:
        return f"  DOES NOT ANSWER within {_PATIENCE:g} s", None
    except SegqError as error:
        return "", f"account: not known: {str(error).splitlines()[0]}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
