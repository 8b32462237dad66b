import threading

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from db.engine import Database
from db.tables import tenants
from db.tenants import TenantStore


def _names(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(select(tenants.c.name)))


def test_verbs_of_a_store_inside_a_write_are_one_commit(database: Database) -> None:
    store = TenantStore(database)
    with pytest.raises(RuntimeError, match="no more"), database.write():  # noqa: PT012
        store.ensure("first")
        store.ensure("second")
        assert {"first", "second"} <= _names(database)
        raise RuntimeError("no more")
    assert not {"first", "second"} & _names(database)


def test_nobody_else_sees_it_before_the_whole_is_committed(database: Database) -> None:
    seen: list[set[str]] = []
    with database.write():
        TenantStore(database).ensure("early")
        other = threading.Thread(target=lambda: seen.append(_names(database)))
        other.start()
        other.join(10)
    assert "early" not in seen[0]
    assert "early" in _names(database)


def test_an_inner_failure_undoes_the_inner_part_alone(database: Database) -> None:
    store = TenantStore(database)
    with database.write():
        known = store.ensure("kept")
        with pytest.raises(IntegrityError), database.write() as connection:  # noqa: PT012
            connection.execute(text("UPDATE tenants SET weight = 2"))
            connection.execute(
                tenants.insert().values(id=known, name="other", created_at=func.now())
            )
        store.ensure("kept too")
    assert {"kept", "kept too"} <= _names(database)
    with database.read() as connection:
        assert set(connection.scalars(select(tenants.c.weight))) == {1}
