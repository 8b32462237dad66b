"""A gateway on a kind of database that the test chooses."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from db.engine import Database
from db.migrate import upgrade
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.servers.databases import new_database
from tests.servers.valkey import running_valkey


@contextmanager
def gateway_on(
    request: pytest.FixtureRequest, folders: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """On the database that `request.param` names, `sqlite` or `postgresql`."""
    folder = folders.mktemp("gateway")
    url = f"sqlite:///{folder / 'segq.db'}"
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres"))
    database = Database(url)
    upgrade(database)
    with running_valkey(folder) as redis, running_gateway(folder, database, redis) as found:
        yield found
    database.close()
