import threading
from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from db.engine import Database
from db.migrate import downgrade, upgrade
from db.tables import metadata
from tests.servers.databases import new_database


def _differences(database: Database) -> list[object]:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))


def test_they_go_up_and_down_and_up_and_end_where_the_tables_are(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)
    assert _differences(database) == []
    downgrade(database, "base")
    assert len(_differences(database)) >= len(metadata.tables)
    upgrade(database)
    assert _differences(database) == []
    database.close()


_AT_WORK = (
    ("jobs", "accounts", "attempts"),  # in the order of a claim
    ("attempts", "jobs", "accounts"),  # and of a settle
)


def test_they_go_up_beside_workers_that_lock_tables_in_orders_of_their_own(postgres: str) -> None:
    database = Database(new_database(postgres))
    upgrade(database, "0001")
    done = threading.Event()

    def work(tables: tuple[str, ...]) -> int:
        turns = 0
        while not done.is_set():
            with database.write() as connection:
                for table in tables:
                    # The lock of a write, on no row.
                    connection.execute(text(f"UPDATE {table} SET id = id WHERE false"))  # noqa: S608
                    connection.execute(text("SELECT pg_sleep(0.003)"))
            turns += 1
        return turns

    with ThreadPoolExecutor(6) as pool:
        workers = [pool.submit(work, _AT_WORK[n % 2]) for n in range(6)]
        try:
            upgrade(database)
        finally:
            done.set()
        assert all(one.result() for one in workers)
    assert _differences(database) == []
    database.close()
