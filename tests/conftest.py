import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.engine import Database
from db.migrate import upgrade
from tests import state_writes
from tests.dealing import deal
from tests.servers.databases import new_database
from tests.servers.postgres import running_postgres
from tests.servers.s3 import S3Server, running_s3
from tests.servers.valkey import running_valkey

state_writes.listen()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="fault tests, all and at their full size")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    deal(items, int(processes))


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


@pytest.fixture(scope="session")
def sqlite_with_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be copied: to migrate each test's own would take longer than most of them."""
    file = tmp_path_factory.mktemp("schema") / "segq.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_with_schema(postgres: str) -> str:
    """The name of a database to be copied."""
    url = new_database(postgres)
    _migrate(url)
    return url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database: the test runs once on each kind. Empty, unless it uses `database`."""
    with_schema = "database" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "segq.db"
        if with_schema:
            shutil.copyfile(request.getfixturevalue("sqlite_with_schema"), file)
        return f"sqlite:///{file}"
    server = request.getfixturevalue("postgres")
    if with_schema:
        return new_database(server, request.getfixturevalue("postgres_with_schema"))
    return new_database(server)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the current schema."""
    found = Database(database_url)
    yield found
    found.close()


def _migrate(url: str) -> None:
    database = Database(url)
    upgrade(database)
    database.close()
