"""`segq bench NAME`: how fast it is on this machine, beside baselines from the same run."""

import os
import sys
from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "segq bench [NAME [--runs N] ...]"
    parser.epilog = (
        "Without a name it lists the benchmarks; docs/benchmarks.md says how to read them."
    )


def run(options: Namespace) -> int:
    command = (sys.executable, "-P", "-m", "benchmarks", *options.rest)
    sys.stdout.flush()
    # It takes this process's place: of two, a Ctrl-C would have one end before the other has ended
    # the servers that it started.
    os.execv(command[0], command)  # noqa: S606  # no shell is the point
