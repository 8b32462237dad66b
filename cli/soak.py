"""`segq soak`: random load and random faults on a whole system, then the checker of the fault tests."""

import os
import sys
from argparse import ArgumentParser, Namespace

from cli.checkout import ROOT


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "segq soak [--minutes N] [--seed S] [--scaled] [--postgres]"
    parser.epilog = "Ctrl-C ends the faults, heals, waits for rest and reports all the same."


def run(options: Namespace) -> int:
    os.chdir(ROOT)  # where `tests` is found
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}"}
    command = (sys.executable, "-P", "-m", "tests.faults.soak", *options.rest)
    sys.stdout.flush()
    # In this process's place, so that a Ctrl-C meets one process alone.
    os.execve(command[0], command, environment)  # noqa: S606  # no shell is the point
