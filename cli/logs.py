"""`segq logs`: what the processes wrote."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cli.complaint import ComplaintError
from cli.home import Home
from cli.settings import home_of
from logs.readable import entry_of, readable

_LOOK_EVERY = 0.2
_SHOWN_BEFORE_FOLLOWING = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one process, such as worker-1; default: all")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    parser.add_argument(
        "--format",
        choices=("readable", "raw"),
        help="raw: as it stands in the files, JSON lines; default: readable on a terminal, else raw",
    )


def run(options: argparse.Namespace) -> int:
    home = Home(home_of(os.environ, Path.cwd()))
    found = {path.stem: path for path in sorted(home.logs.glob("*.log"))}
    if options.name is not None:
        if options.name not in found:
            raise ComplaintError(
                f"no log of {options.name!r} in {home.logs}; there are: {', '.join(found) or 'none'}"
            )
        found = {options.name: found[options.name]}
    show = _way_to_show(options.format)
    # Of several processes each line says whose it is.
    widest = max((len(name) for name in found), default=0)
    followed = {
        (f"{name:<{widest}} | " if len(found) > 1 else ""): path.open("rb")
        for name, path in found.items()
    }
    try:
        for prefix, file in followed.items():
            lines = file.read().decode(errors="replace").splitlines()
            for line in lines[-_SHOWN_BEFORE_FOLLOWING:] if options.follow else lines:
                _print(prefix, show(line))
        while options.follow:
            print(end="", flush=True)
            time.sleep(_LOOK_EVERY)
            for prefix, file in followed.items():
                _print_new(prefix, file, show)
    finally:
        for file in followed.values():
            file.close()
    return 0


def _way_to_show(chosen: str | None) -> Callable[[str], str]:
    terminal = sys.stdout.isatty()
    if chosen == "raw" or (chosen is None and not terminal):
        return str
    colours = terminal and not os.environ.get("NO_COLOR")

    def show(line: str) -> str:
        entry = entry_of(line)
        return line if entry is None else readable(entry, colours=colours)

    return show


def _print(prefix: str, text: str) -> None:
    for line in text.split("\n"):  # a traceback has several
        print(prefix + line)


def _print_new(prefix: str, file: BinaryIO, show: Callable[[str], str]) -> None:
    at = file.tell()
    new = file.read()
    whole = new.rfind(b"\n") + 1
    file.seek(at + whole)  # a line that is half written is shown when it is whole
    for line in new[:whole].decode(errors="replace").splitlines():
        _print(prefix, show(line))
