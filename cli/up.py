"""`segq up`: the whole system, in the foreground or detached."""

import argparse
import os
import sys
from pathlib import Path

from cli.detached import report_and_close, start_detached
from cli.home import Home
from cli.run_file import Running
from cli.secret_files import with_secrets
from cli.services import SECRETS_OF_UP
from cli.settings import read_settings
from cli.system import ready_line, run_system
from cli.terminal import say
from cli.wakeups import Wakeups


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="return when it is ready")
    parser.add_argument(
        "--paused",
        action="store_true",
        help="let no call leave until `segq account resume`: for a database that was restored",
    )
    # How the process that `--detach` starts tells the one that waits how it went.
    parser.add_argument("--report-to", type=int, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    environ = with_secrets(os.environ, SECRETS_OF_UP)
    settings = read_settings(environ, Path.cwd())
    home = Home(settings.home)
    if options.detach:
        print(start_detached(home, paused=options.paused), flush=True)
        return 0

    def when_ready(running: Running) -> None:
        line = ready_line(running, home, paused=options.paused)
        print(line, flush=True)
        if options.report_to is not None:
            report_and_close(options.report_to, line)

    def before_start() -> None:
        if sys.stdout.isatty():
            say(f"starting everything in {home.path} ...")

    with Wakeups() as wakeups:
        run_system(settings, environ, wakeups, say, before_start, when_ready, paused=options.paused)
    return 0
