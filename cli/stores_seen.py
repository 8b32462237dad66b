"""Whether the stores answer that somebody else runs, for `segq status`."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cli.bucket_check import bucket_trouble
from cli.complaint import ComplaintError
from cli.home import Home
from cli.redis_check import check_redis
from cli.run_file import Running
from cli.shown_url import shown_url
from cli.stores import own_database
from db.engine import Database
from jobs.errors import Unavailable

_Look = Callable[[], str | None]


def store_lines(running: Running, home: Home, environ: Mapping[str, str]) -> list[str]:
    """A line for each store that is not this home's own: whether it answers, and where it is.

    There must be one (`Running.has_stores_elsewhere`). No password is shown.
    """
    looks = list(_external(running, home, environ))
    # At once: each may take its seconds to find that nobody answers.
    with ThreadPoolExecutor(len(looks)) as pool:
        found = pool.map(lambda one: one[2](), looks)
        return [
            f"{name:<12} {f'answers  {where}' if trouble is None else f'TROUBLE  {trouble}'}"
            for (name, where, _), trouble in zip(looks, found, strict=True)
        ]


def _external(
    running: Running, home: Home, environ: Mapping[str, str]
) -> Iterator[tuple[str, str, _Look]]:
    if running.database != own_database(home):
        yield "database", shown_url(running.database), lambda: _database(running.database)
    if "redis" not in running.processes:
        yield "redis", shown_url(running.redis), lambda: _redis(running.redis)
    if running.artifacts != str(home.artifacts):
        place = running.artifacts
        yield (
            "artifacts",
            place,
            lambda: _bucket(place, environ) if place.startswith("s3://") else _folder(Path(place)),
        )


def _database(url: str) -> str | None:
    database = Database(url, pool_size=1, overflow=0)
    try:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
    except Unavailable as error:
        return f"{shown_url(url)}: {error}"
    finally:
        database.close()
    return None


def _redis(url: str) -> str | None:
    try:
        check_redis(url, lambda _: None)
    except ComplaintError as error:
        return str(error)
    return None


def _folder(path: Path) -> str | None:
    """A look alone: a folder that is gone may be a disk that is not mounted, and is not made."""
    return None if os.access(path, os.R_OK | os.W_OK | os.X_OK) else f"{path} cannot be used"


def _bucket(artifacts: str, environ: Mapping[str, str]) -> str | None:
    if not environ.get("AWS_ACCESS_KEY_ID"):
        return f"{artifacts}: not asked, as AWS_ACCESS_KEY_ID is not set here"
    trouble = bucket_trouble({**environ, "SEGQ_ARTIFACTS": artifacts})
    return trouble and f"{artifacts}: {trouble}"
