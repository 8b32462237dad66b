"""`segq migrate`: bring the database's schema up to date and make sure of the first API key."""

import argparse
import os
import re
import time

from cli.complaint import ComplaintError
from cli.secret_files import with_secrets
from cli.service import become
from cli.services import SERVICES
from cli.terminal import say
from db.engine import Database
from jobs.errors import InvalidSetting, Unavailable

# A database container that initialises itself takes some seconds; one that recovers, more.
PATIENCE = 60.0
_LOOK_EVERY = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=float,
        default=PATIENCE,
        metavar="SECONDS",
        help="for a database that is still starting; default: %(default)g",
    )


def run(options: argparse.Namespace) -> int:
    service = SERVICES["migrate"]
    environ = with_secrets(os.environ, service.secrets)
    url = environ.get("DATABASE_URL")
    if not url:
        raise ComplaintError("DATABASE_URL must be set: sqlite:///… or postgresql://…")
    # A key opens all that its tenant has: one that somebody made up would be guessed.
    if not re.fullmatch(r"segq_[!-~]{20,195}|", environ.get("SEGQ_API_KEY", "")):
        raise ComplaintError(
            "SEGQ_API_KEY must be segq_ and 20 to 195 printable characters after it, such as "
            "echo segq_$(openssl rand -hex 24) makes"
        )
    wait_for_database(url, options.wait)
    become(service, environ)


def wait_for_database(url: str, seconds: float) -> None:
    """Return once it answers; raises `ComplaintError` with its last words after `seconds`."""
    try:
        database = Database(url, pool_size=1, overflow=0)
    except InvalidSetting as error:
        raise ComplaintError(str(error)) from error
    # A file that cannot be opened now will not be openable in a minute.
    seconds = 0.0 if database.is_sqlite else seconds
    ends_at = time.monotonic() + seconds
    told = False
    try:
        while (why := _trouble(database)) is not None:
            if time.monotonic() >= ends_at:
                raise ComplaintError(f"DATABASE_URL: {why} (waited {seconds:g} s)")
            if not told:
                told = True
                say(f"{why}; waiting up to {seconds:g} s for it")
            time.sleep(_LOOK_EVERY)
    finally:
        database.close()


def _trouble(database: Database) -> str | None:
    """What a query says that cannot be answered; None when it is."""
    try:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
    except Unavailable as error:
        return str(error)
    return None
