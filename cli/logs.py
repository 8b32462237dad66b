"""`segq logs`: what the processes wrote."""

import argparse
import os
import time
from pathlib import Path
from typing import BinaryIO

from cli.complaint import ComplaintError
from cli.home import Home
from cli.settings import home_of

_LOOK_EVERY = 0.2
_SHOWN_BEFORE_FOLLOWING = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one process, such as worker-1; default: all")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")


def run(options: argparse.Namespace) -> int:
    home = Home(home_of(os.environ, Path.cwd()))
    found = {path.stem: path for path in sorted(home.logs.glob("*.log"))}
    if options.name is not None:
        if options.name not in found:
            raise ComplaintError(
                f"no log of {options.name!r} in {home.logs}; there are: {', '.join(found) or 'none'}"
            )
        found = {options.name: found[options.name]}
    # One process is shown as it wrote; of several, each line says whose it is.
    widest = max((len(name) for name in found), default=0)
    followed = {
        (f"{name:<{widest}} | " if len(found) > 1 else ""): path.open("rb")
        for name, path in found.items()
    }
    try:
        for prefix, file in followed.items():
            lines = file.read().decode(errors="replace").splitlines()
            for line in lines[-_SHOWN_BEFORE_FOLLOWING:] if options.follow else lines:
                print(prefix + line)
        while options.follow:
            print(end="", flush=True)
            time.sleep(_LOOK_EVERY)
            for prefix, file in followed.items():
                _print_new(prefix, file)
    finally:
        for file in followed.values():
            file.close()
    return 0


def _print_new(prefix: str, file: BinaryIO) -> None:
    at = file.tell()
    new = file.read()
    whole = new.rfind(b"\n") + 1
    file.seek(at + whole)  # a line that is half written is shown when it is whole
    for line in new[:whole].decode(errors="replace").splitlines():
        print(prefix + line)
