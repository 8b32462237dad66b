"""`segq gateway | worker | upkeep | beat`: one process of the system, as a container starts it."""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from cli.secret_files import with_secrets
from cli.services import SERVICES, Service


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Settings come from the environment (docs/configuration.md); a secret may come as a file."
    )


def run(options: argparse.Namespace) -> int:
    service = SERVICES[options.command]
    become(service, with_secrets(os.environ, service.secrets))


def become(service: Service, environ: Mapping[str, str]) -> NoReturn:
    """Be this service from here on: its process has this pid, and gets the signals meant for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    # What a process says in its last moments must be in the log that a platform keeps of it.
    environment = {"PYTHONUNBUFFERED": "1", **service.environment(environ)}
    os.execve(service.argv[0], service.argv, environment)  # noqa: S606  # no shell is the point
