"""deploy/make-secrets, run as an operator runs it."""

import subprocess
from pathlib import Path

from tests.deploy.compose import DEPLOY
from tests.servers.databases import new_database

PROGRAM = DEPLOY / "make-secrets"


def run_make_secrets(folder: Path, *hosts: str, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, folder, *hosts], input=key, capture_output=True, text=True, check=False
    )


def make_secrets(folder: Path, postgres: str, redis: str, key: str) -> str:
    """All secrets; the database's URL, which is of a new database on that server."""
    host = postgres.partition("@")[2].partition("/")[0]
    done = run_make_secrets(folder, host, redis, key=key)
    assert done.returncode == 0, done.stderr
    place = folder / "database_url"
    url = place.read_text().removesuffix("/segq") + f"/{new_database(postgres).rpartition('/')[2]}"
    place.unlink()
    place.write_text(url)
    return url
