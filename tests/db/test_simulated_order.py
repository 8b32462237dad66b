"""The simulation's order is the database's: both are given the same jobs, and asked in turn."""

from random import Random
from uuid import UUID

import pytest
from sqlalchemy import update

from cli.simulation.job import Job
from cli.simulation.measures import Measures
from cli.simulation.scenario import Arrivals, Tenant
from cli.simulation.turns import Turns
from db.engine import Database
from db.tables import tenants
from db.tenants import TenantStore
from jobs.doubts import OnDoubt
from jobs.money import Money
from jobs.states import Priority, State
from tests.db.conftest import Claimer, Submit

WEIGHTS = {"a": 1, "b": 2, "c": 5}


@pytest.mark.parametrize("seed", range(3))
def test_the_simulation_claims_as_the_database_does(
    database: Database, submit: Submit, claim: Claimer, seed: int
) -> None:
    random = Random(seed)
    # Equal passes are settled by name here, by id there: ids ascend in the order of their making.
    ids = {name: TenantStore(database).ensure(name) for name in WEIGHTS}
    with database.write() as connection:
        for name, weight in WEIGHTS.items():
            connection.execute(
                update(tenants).where(tenants.c.id == ids[name]).values(weight=weight)
            )
    told = tuple(Tenant(name, weight, None, ()) for name, weight in WEIGHTS.items())
    turns, known = Turns(told, Measures(told)), dict[UUID, int]()
    waiting = 0
    for number in range(90):
        if waiting and random.random() < 0.45:
            waiting -= 1
            job = turns.take()
            assert job is not None
            job.move(State.RUNNING)
            assert known[claim().job.id] == job.number
            continue
        waiting += 1
        name, group = random.choice("abc"), random.choice(["x", "y"])
        price, priority = Money(random.choice([1, 10, 25])), random.choice(list(Priority))
        found = submit(tenant_id=ids[name], group=group, priority=priority, estimate=price)
        known[found.id] = number
        turns.add(Job(number, _asked(name, price, priority), group, 0))


def _asked(tenant: str, price: Money, priority: Priority) -> Arrivals:
    return Arrivals(
        tenant=tenant,
        at=0,
        count=1,
        every=None,
        rate=None,
        until=0,
        price=price,
        priority=priority,
        group=None,
        max_attempts=3,
        on_doubt=OnDoubt.HOLD,
        cancel_at=None,
        cancel_count=None,
    )
