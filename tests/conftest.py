from collections.abc import Iterator
from pathlib import Path

import pytest

from db.engine import Database
from db.migrate import upgrade
from tests import state_writes
from tests.servers.postgres import running_postgres
from tests.servers.s3 import S3Server, running_s3
from tests.servers.valkey import running_valkey

state_writes.listen()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="fault tests at their full size")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """One server for each test process; its tests make databases of their own in it."""
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for each test process; its tests use prefixes of their own in its bucket."""
    with running_s3(tmp_path_factory.mktemp("s3") / "buckets") as found:
        yield found


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    with running_valkey(folder) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'segq.db'}"
        return
    server = request.getfixturevalue("postgres")
    from tests.servers.databases import new_database

    yield new_database(server)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the current schema."""
    found = Database(database_url)
    upgrade(found)
    yield found
    found.close()
