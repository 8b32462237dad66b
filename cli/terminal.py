"""Lines for the person at the terminal; results go to stdout, everything else through here."""

import contextlib
import sys


def say(line: str) -> None:
    """One line to stderr. A terminal that has gone away must not end the supervisor."""
    with contextlib.suppress(OSError):
        print(f"segq: {line}", file=sys.stderr, flush=True)
