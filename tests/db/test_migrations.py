import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from db.engine import Database
from db.migrate import downgrade, is_of_a_later_version, revision_of, upgrade
from db.tables import inputs, metadata
from tests.sandbox.sandbox_process import ROOT
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


_AT_WORK = {
    "0001": (
        ("jobs", "accounts", "attempts"),  # in the order of a claim
        ("attempts", "jobs", "accounts"),  # and of a settle
    ),
    "0020": (("jobs", "tenants"), ("tenants", "jobs")),
    "0023": (("batches", "tenants"), ("tenants", "batches")),
}


@pytest.mark.parametrize("begin", _AT_WORK)
def test_they_go_up_beside_workers_that_lock_tables_in_orders_of_their_own(
    postgres: str, begin: str
) -> None:
    database = Database(new_database(postgres))
    upgrade(database, begin)
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
        workers = [pool.submit(work, _AT_WORK[begin][n % 2]) for n in range(6)]
        try:
            upgrade(database)
        finally:
            done.set()
        assert all(one.result() for one in workers)
    assert _differences(database) == []
    database.close()


def test_an_earlier_version_leaves_a_later_ones_schema_as_it_is(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert is_of_a_later_version(database)
    upgrade(database)
    assert revision_of(database) == "9999"
    done = subprocess.run(
        [sys.executable, "-m", "db", "prepare"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "9999 (of a later version" in done.stdout
    database.close()


def test_behind_a_long_reader_they_wait_and_nobody_waits_behind_them(postgres: str) -> None:
    database = Database(new_database(postgres))
    upgrade(database, "0001")
    reading, read = threading.Event(), threading.Event()

    def read_long() -> None:
        with database.without_transaction() as connection:
            connection.execute(text("SELECT count(*) FROM jobs"))  # and the transaction stays open
            reading.set()
            assert read.wait(60)
            connection.rollback()

    with ThreadPoolExecutor(2) as pool:
        backup = pool.submit(read_long)
        assert reading.wait(20)
        migration = pool.submit(upgrade, database, lock_wait=0.2)
        longest = 0.0
        ends_at = time.monotonic() + 3
        while time.monotonic() < ends_at:
            began = time.monotonic()
            with database.write() as connection:
                connection.execute(text("UPDATE jobs SET id = id WHERE false"))
            longest = max(longest, time.monotonic() - began)
        assert not migration.done()
        read.set()
        backup.result(20)
        migration.result(60)
    assert longest < 2
    assert _differences(database) == []
    database.close()


def test_an_index_that_waits_too_long_is_made_anew(postgres: str) -> None:
    """Whoever holds an old snapshot keeps it from being ready, and whatever was done before it stays."""
    database = Database(new_database(postgres))
    upgrade(database, "0020")
    with database.without_transaction() as backup:
        backup.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        backup.execute(text("SELECT count(*) FROM pg_class"))
        with ThreadPoolExecutor(1) as pool:
            migration = pool.submit(upgrade, database, lock_wait=0.2)
            time.sleep(2)
            try:
                assert not migration.done()
            finally:
                backup.rollback()
            migration.result(60)
    assert _differences(database) == []
    with database.read() as connection:
        broken = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        assert connection.scalar(text(broken)) == 0
    database.close()


def test_uploads_of_before_may_be_unused(database_url: str) -> None:
    """On PostgreSQL no row of them is written: submits would wait for all of them."""
    database = Database(database_url)
    upgrade(database, "0024")
    is_written = "0" if database.is_sqlite else "xmin"
    with database.write() as connection:
        tenant, now = uuid4().hex, "2026-01-01 00:00:00.000000+00:00"
        connection.execute(
            text("INSERT INTO tenants (id, name, created_at) VALUES (:tenant, 'one', :now)"),
            {"tenant": tenant, "now": now},
        )
        connection.execute(
            text(
                "INSERT INTO inputs (tenant_id, sha256, artifact, content_type, width, height,"
                " bytes, created_at) VALUES (:tenant, 'ab', 'inputs/0', 'image/png', 1, 1, 1, :now)"
            ),
            {"tenant": tenant, "now": now},
        )
        look = text(f"SELECT {is_written} AS written FROM inputs")  # noqa: S608
        before = connection.execute(look).scalar_one()
    upgrade(database)
    with database.read() as connection:
        assert connection.execute(look).scalar_one() == before
        image = connection.execute(select(inputs)).one()
    assert image.unused_since is not None
    assert image.created_at <= image.unused_since <= datetime.now(UTC)
    database.close()


def test_two_at_once_do_not_wait_for_each_other_in_a_circle(postgres: str) -> None:
    """Who waits for the other's migration holds no transaction open meanwhile."""
    database = Database(new_database(postgres))
    with database.without_transaction() as busy:
        busy.execute(text("SELECT pg_advisory_lock(24208)"))
        busy.commit()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(upgrade, database)
            time.sleep(1)
            open_ = busy.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
                )
            ).scalar_one()
            busy.execute(text("SELECT pg_advisory_unlock(24208)"))
            busy.commit()
            waiting.result(60)
    assert open_ == 0
    assert _differences(database) == []
    database.close()
