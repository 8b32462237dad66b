"""Several submits in one commit, on both kinds of database."""

import asyncio
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest

from api_gateway.submits import Submit, Submits
from api_gateway.tickets import Tickets
from api_gateway.together import Together
from api_gateway.waiting import Waiting
from db.engine import Database
from db.idempotency import Answer, IdempotencyStore, Kept, Name
from db.jobs import JobStore
from db.migrate import upgrade
from db.rows import NewJob
from db.tenants import TenantStore
from jobs.money import Money
from jobs.states import WaitingFor
from tests.gateway.test_gateway_idempotency_races import count_jobs
from tests.servers.databases import new_database

BEFORE = Kept("ab" * 32, Answer(202, {"Location": "/jobs/1"}, '{"id":"1"}'))


@pytest.fixture
def tenant(database: Database) -> UUID:
    return TenantStore(database).ensure("default")


@pytest.fixture
def submits(database: Database) -> Submits:
    return submits_on(database, IdempotencyStore(database))


@pytest.fixture
def postgresql(postgres: str) -> Iterator[Database]:
    found = Database(new_database(postgres))
    upgrade(found)
    yield found
    found.close()


def submits_on(database: Database, keys: IdempotencyStore) -> Submits:
    # Never started: it only counts.
    return Submits(database, JobStore(database), keys, Tickets("redis://127.0.0.1:1/0"))


def submit(tenant: UUID, key: str | None = None) -> Submit:
    new = NewJob(tenant, "segmind", "ssd-canny", {"prompt": "a boat"}, Money(60))
    return Submit(new, Waiting(WaitingFor.SLOT), "http://here", key, "cd" * 32 if key else "")


def test_with_and_without_a_key_each_has_its_own_job(
    database: Database, tenant: UUID, submits: Submits
) -> None:
    outcomes = submits.accept([submit(tenant), submit(tenant, "a"), submit(tenant, "b")])
    bodies = {one.body for one in outcomes if isinstance(one, Answer)}
    assert len(bodies) == 3
    assert count_jobs(database) == 3
    kept = submits.keys.get(tenant, "a")
    assert kept is not None
    assert kept.answer == outcomes[1]


def test_a_key_that_was_answered_gets_that_answer_and_stops_nobody(
    database: Database, tenant: UUID, submits: Submits
) -> None:
    submits.keys.keep(tenant, "a", BEFORE)
    stranger = TenantStore(database).ensure("stranger")
    mine, replayed, other = submits.accept(
        [submit(tenant), submit(tenant, "a"), submit(stranger, "a")]
    )
    assert isinstance(mine, Answer)
    assert replayed == BEFORE
    assert isinstance(other, Answer)
    assert count_jobs(database) == 2


def test_a_key_that_another_process_works_under_is_in_use_and_stops_nobody(
    postgresql: Database,
) -> None:
    tenant = TenantStore(postgresql).ensure("default")
    submits = submits_on(postgresql, IdempotencyStore(postgresql))
    elsewhere = Database(postgresql.engine.url.render_as_string(hide_password=False))
    with elsewhere.write():
        assert IdempotencyStore(elsewhere).take_turn(tenant, "a")
        in_use, accepted = submits.accept([submit(tenant, "a"), submit(tenant, "b")])
    elsewhere.close()
    assert in_use is None
    assert isinstance(accepted, Answer)
    assert count_jobs(postgresql) == 1


class Overtaken(IdempotencyStore):
    """Between the look and the answer another process answers `a`, without asking for its turn."""

    def __init__(self, database: Database, other: IdempotencyStore) -> None:
        super().__init__(database)
        self._other = other

    def get_many(self, names: Sequence[Name]) -> dict[Name, Kept]:
        found = super().get_many(names)
        for tenant, key in names:
            if key == "a" and not found:
                self._other.keep(tenant, key, BEFORE)
        return found


def test_one_that_is_overtaken_is_undone_with_its_group_and_the_others_are_kept(
    postgresql: Database,
) -> None:
    tenant = TenantStore(postgresql).ensure("default")
    elsewhere = Database(postgresql.engine.url.render_as_string(hide_password=False))
    keys = Overtaken(postgresql, IdempotencyStore(elsewhere))
    together = Together(submits_on(postgresql, keys).accept)

    async def main() -> list[object]:
        asked = [submit(tenant), submit(tenant, "a"), submit(tenant, "b")]
        return list(await asyncio.gather(*map(together.ask, asked)))

    mine, replayed, other = asyncio.run(main())
    elsewhere.close()
    assert isinstance(mine, Answer)
    assert replayed == BEFORE
    assert isinstance(other, Answer)
    assert count_jobs(postgresql) == 2


def test_a_group_with_one_that_cannot_be_kept_keeps_the_others(
    database: Database, tenant: UUID, submits: Submits
) -> None:
    nobody = UUID(int=7)  # no such tenant

    async def main() -> list[object]:
        together = Together(submits.accept)
        asked = [submit(tenant), submit(nobody, "a"), submit(tenant, "b")]
        asking = map(together.ask, asked)
        return list(await asyncio.gather(*asking, return_exceptions=True))

    mine, wrong, other = asyncio.run(main())
    assert isinstance(mine, Answer)
    assert isinstance(wrong, Exception)
    assert isinstance(other, Answer)
    assert count_jobs(database) == 2
