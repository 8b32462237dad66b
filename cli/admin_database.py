"""The database of the commands that an operator works on it with, whether anything runs or not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cli.complaint import ComplaintError
from cli.home import Home
from cli.run_file import read_running
from cli.secret_files import with_secrets
from cli.settings import home_of
from cli.stores import own_database
from db.engine import Database
from db.migrate import is_up_to_date
from jobs.errors import InvalidInput, SegqError


@contextmanager
def admin_database(environ: Mapping[str, str], cwd: Path) -> Iterator[Database]:
    """The database, with the current schema. Every error of `jobs.errors` becomes a complaint."""
    try:
        database = Database(database_url(environ, cwd), pool_size=1, overflow=0)
        try:
            if not is_up_to_date(database):
                raise ComplaintError(
                    "the database's schema is of an earlier version: run `segq migrate`, or `segq "
                    "up` once"
                )
            yield database
        finally:
            database.close()
    except InvalidInput as error:
        raise ComplaintError(
            "; ".join(f"{one.field} {one.got or ''} {one.message}" for one in error.problems)
        ) from error
    except SegqError as error:
        raise ComplaintError(str(error)) from error


def database_url(environ: Mapping[str, str], cwd: Path) -> str:
    """What DATABASE_URL names, or that of the system that runs here, or the one in SEGQ_HOME.

    Raises `ComplaintError` where there is none of them.
    """
    named = with_secrets(environ, ("DATABASE_URL",)).get("DATABASE_URL")
    if named:
        return named
    home = Home(home_of(environ, cwd))
    running = read_running(home) if home.path.is_dir() else None
    if running is not None:
        return running.database
    own = own_database(home)
    if Path(own.removeprefix("sqlite:///")).is_file():
        return own
    raise ComplaintError(
        f"there is no database in {home.path}: start the system once with `segq up`, or set "
        "DATABASE_URL (or DATABASE_URL_FILE)"
    )
