"""`segq flower`: the dashboard, as a container starts it."""

import argparse
import os
import re
from collections.abc import Mapping

from cli.complaint import ComplaintError
from cli.secret_files import with_secrets
from cli.service import become
from cli.services import flower

ADDRESS, PORT = "127.0.0.1", 5555


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "FLOWER_BASIC_AUTH says who may see it; FLOWER_ADDRESS and FLOWER_PORT, where."


def run(_: argparse.Namespace) -> int:
    service = flower(os.environ.get("FLOWER_ADDRESS") or ADDRESS, port_of(os.environ))
    environ = with_secrets(os.environ, service.secrets)
    # Flower without credentials shows every job's inputs and outcome to whoever asks.
    if not re.fullmatch(r"[^:,]+:[^,]+(,[^:,]+:[^,]+)*", environ.get("FLOWER_BASIC_AUTH", "")):
        raise ComplaintError("FLOWER_BASIC_AUTH must be set, as user:password (more after commas)")
    if not environ.get("REDIS_URL"):
        raise ComplaintError("REDIS_URL must be set: redis://… or rediss://…")
    # Flower takes further options from a `flowerconfig.py` in the folder where it stands.
    os.chdir("/")
    become(service, environ)


def port_of(environ: Mapping[str, str]) -> int:
    """FLOWER_PORT, 5555 when it is not set. Raises `ComplaintError`."""
    text = environ.get("FLOWER_PORT") or str(PORT)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise ComplaintError(f"FLOWER_PORT is {text!r}; allowed is a whole number from 1 to 65535")
    return int(text)
