"""What a settle changes of budgets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, update

from db.among import among
from db.budget_books import Books
from db.engine import Database
from db.rows import Settlement
from db.tables import jobs
from jobs.budgets import EVERY, UNCOVERED, of_call
from jobs.money import Money


def balance(
    connection: Connection,
    database: Database,
    books: Books,
    at: datetime,
    ended: Sequence[tuple[Row[Any], Settlement]],
    goes_on: Sequence[Row[Any]],
) -> None:
    """What calls held becomes what they cost, and jobs that go on hold their next call.

    Rows are those of `Settling`, as they were before. Where `total` does not cover a job's next
    call, since its last one was paid, the job is held; its row is locked by the settle.
    """
    if not ended and not goes_on:
        return
    tenants = {row.tenant_id for row in (*(row for row, _ in ended), *goes_on)}
    opened = books.open(
        connection, at, tenants, EVERY, {row.attempt_claimed_at for row, _ in ended}
    )
    paid = {}
    for row, settlement in ended:
        before = of_call(
            ended=row.attempt_finished_at is not None,
            estimate=row.attempt_estimate,
            cost=row.attempt_cost,
        )
        after = of_call(ended=True, estimate=row.attempt_estimate, cost=settlement.cost)
        opened.add_call(row.tenant_id, row.attempt_claimed_at, after - before)
        paid[row.attempt_id] = settlement.cost
    held = [
        row.id
        for row in goes_on
        if not opened.admit_again(row.tenant_id, Money(row.estimate), paid.get(row.attempt_id, 0))
    ]
    if held:
        connection.execute(
            update(jobs).where(among(database, jobs.c.id, "ids")).values(held_for=UNCOVERED),
            {"ids": held},
        )
    opened.write(connection)
