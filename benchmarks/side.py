"""The ground on which one side of a run stands: a database, a folder, empty and quiet servers."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers.together import Servers
from db.api_keys import KEY_PREFIX
from db.engine import Database
from db.tenants import DEFAULT_TENANT, TenantStore


@contextmanager
def a_side(servers: Servers, *, prepared: bool = True) -> Iterator[tuple[str, Path]]:
    """The URL of a new database, with segq's schema when `prepared`, and an empty folder.

    Both are gone afterwards: what of them was not yet written out is not written in a later side's
    time.
    """
    servers.valkey.empty()
    servers.upstream.reset()
    url, folder = servers.postgres.new_database(prepared=prepared), servers.new_folder()
    try:
        yield url, folder
    finally:
        servers.postgres.drop(url)
        shutil.rmtree(folder)


def an_api_key(database: Database, tenant: str = DEFAULT_TENANT) -> str:
    """A new key that opens the tenant."""
    key = KEY_PREFIX + secrets.token_hex()
    TenantStore(database).ensure_key(tenant, key, "segq bench")
    return key
