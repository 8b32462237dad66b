"""Connections that the server, or something on the way, has closed while they lay in the pool."""

import pytest
from sqlalchemy import text

from db import engine
from db.engine import Database
from jobs.errors import Unavailable
from tests.servers.databases import new_database


@pytest.fixture
def database(postgres: str) -> Database:
    return Database(new_database(postgres))


def _cut(database: Database) -> None:
    """End the pooled connection's server process, as a restart does."""
    with database.read() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    other = Database(database.engine.url.render_as_string(hide_password=False))
    with other.write() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    other.close()


def _works(database: Database) -> bool:
    with database.read() as connection:
        return bool(connection.scalar(text("SELECT 1")) == 1)


def test_one_that_has_rested_is_replaced_unseen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ASKED_AFTER", 0.0)
    _cut(database)
    assert _works(database)
    database.close()


def test_one_that_died_just_now_fails_one_user_and_nobody_after(database: Database) -> None:
    _cut(database)
    with pytest.raises(Unavailable):
        _works(database)
    assert _works(database)
    database.close()
