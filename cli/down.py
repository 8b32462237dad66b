"""`segq down`: ends the system of this SEGQ_HOME and waits until it is gone."""

import argparse
import contextlib
import os
import signal
import time
from pathlib import Path

from cli.home import Home, owner_of
from cli.settings import home_of
from cli.terminal import say

_LOOK_EVERY = 0.05
_QUIET_FOR = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace) -> int:
    home = Home(home_of(os.environ, Path.cwd()))
    pid = owner_of(home)
    if pid is None:
        print(f"nothing runs in {home.path}")
        return 0
    with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
        os.kill(pid, signal.SIGTERM)
    began = time.monotonic()
    said = False
    # The lock, not the pid: a pid may stay as a zombie, or be another process by then.
    while owner_of(home) == pid:
        if not said and time.monotonic() - began > _QUIET_FOR:
            said = True
            say("waiting for calls in flight to finish")
        time.sleep(_LOOK_EVERY)
    print(f"stopped what ran in {home.path}")
    return 0
