from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from db.engine import Database
from db.idempotency import Answer, IdempotencyStore, Kept
from db.migrate import upgrade
from db.tables import idempotency_keys
from db.tenants import TenantStore
from tests.servers.databases import new_database

KEPT = Kept("ab" * 32, Answer(202, {"Location": "/jobs/1"}, '{"größe": "🎨"}'))


@pytest.fixture
def keys(database: Database) -> IdempotencyStore:
    return IdempotencyStore(database)


@pytest.fixture
def tenant(database: Database) -> UUID:
    return TenantStore(database).ensure("default")


def age(database: Database, by: timedelta, key: str) -> None:
    with database.write() as connection:
        connection.execute(
            update(idempotency_keys)
            .where(idempotency_keys.c.key == key)
            .values(created_at=database.after(-by))
        )


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(idempotency_keys)) or 0


def test_an_answer_comes_back_to_its_tenant_alone(
    database: Database, keys: IdempotencyStore, tenant: UUID
) -> None:
    stranger = TenantStore(database).ensure("stranger")
    assert keys.get(tenant, "k") is None
    assert keys.keep(tenant, "k", KEPT)
    assert keys.get(tenant, "k") == KEPT
    assert keys.get(stranger, "k") is None
    assert keys.keep(stranger, "k", KEPT)


def test_a_key_is_not_answered_twice(keys: IdempotencyStore, tenant: UUID) -> None:
    other = Kept("cd" * 32, Answer(200, {}, "{}"))
    assert keys.keep(tenant, "k", KEPT)
    assert not keys.keep(tenant, "k", other)
    assert keys.get(tenant, "k") == KEPT


def test_an_answer_is_undone_with_the_work(
    database: Database, keys: IdempotencyStore, tenant: UUID
) -> None:
    def work() -> None:
        with database.write():
            assert keys.keep(tenant, "k", KEPT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert keys.get(tenant, "k") is None


def test_after_24_hours_the_key_is_free(
    database: Database, keys: IdempotencyStore, tenant: UUID
) -> None:
    keys.keep(tenant, "k", KEPT)
    age(database, timedelta(hours=24, seconds=-30), "k")
    assert keys.get(tenant, "k") == KEPT
    age(database, timedelta(hours=24, seconds=1), "k")
    assert keys.get(tenant, "k") is None
    again = Kept("cd" * 32, Answer(200, {}, "{}"))
    assert keys.keep(tenant, "k", again)
    assert keys.get(tenant, "k") == again


def test_many_are_kept_unless_one_has_an_answer(
    database: Database, keys: IdempotencyStore, tenant: UUID
) -> None:
    stranger = TenantStore(database).ensure("stranger")
    keys.keep(tenant, "old", KEPT)
    age(database, timedelta(hours=25), "old")
    other = Kept("cd" * 32, Answer(200, {}, "{}"))
    assert keys.keep_many({(tenant, "old"): other, (tenant, "new"): KEPT, (stranger, "k"): KEPT})
    asked = [(tenant, "old"), (tenant, "k"), (stranger, "k"), (stranger, "new")]
    assert keys.get_many(asked) == {(tenant, "old"): other, (stranger, "k"): KEPT}
    with suppress(RuntimeError), database.write():
        assert not keys.keep_many({(tenant, "newer"): KEPT, (tenant, "new"): other})
        raise RuntimeError  # as whoever keeps them must
    assert keys.get(tenant, "new") == KEPT
    assert keys.get(tenant, "newer") is None
    assert keys.keep_many({})
    assert keys.get_many([]) == {}


def test_what_is_old_is_forgotten_in_chunks(
    database: Database, keys: IdempotencyStore, tenant: UUID
) -> None:
    for n in range(5):
        keys.keep(tenant, f"old {n}", KEPT)
        age(database, timedelta(hours=25), f"old {n}")
    keys.keep(tenant, "new", KEPT)
    assert [keys.forget_old(3) for _ in range(3)] == [3, 2, 0]
    assert count(database) == 1
    assert keys.get(tenant, "new") == KEPT


def test_one_transaction_at_a_time_has_the_turn(postgres: str) -> None:
    url = new_database(postgres)
    here, there = Database(url), Database(url)
    upgrade(here)
    tenant = TenantStore(here).ensure("default")
    ours, theirs = IdempotencyStore(here), IdempotencyStore(there)
    with here.write():
        assert ours.take_turn(tenant, "k")
        with there.write():
            assert not theirs.take_turn(tenant, "k")
            assert theirs.take_turn(tenant, "l")
    with there.write():
        assert theirs.take_turn(tenant, "k")
    here.close()
    there.close()
