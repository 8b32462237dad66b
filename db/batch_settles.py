"""What a settle means to the batches that its jobs are in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from db.batch_budgets import covered
from db.batch_counts import Move
from db.settle_moves import SettleMove
from jobs.money import ZERO, Money
from jobs.settling import not_again
from jobs.states import WAITING


def within_budgets(
    connection: Connection, moves: list[SettleMove], prices: Mapping[UUID, Money]
) -> list[SettleMove]:
    """Those that are to be called for again end instead where their call was paid, and the budget of
    their batch does not cover another one.
    """
    again = [
        (m, m.row.batch_id, price)
        for m in moves
        if m.becomes.state in WAITING
        and m.row.batch_id is not None
        and (price := prices.get(m.settlement.attempt_id, ZERO)) > 0
    ]
    if not again:
        return moves
    fits = covered(connection, [(batch_id, price) for _, batch_id, price in again])
    ends = {id(m) for (m, _, _), one in zip(again, fits, strict=True) if not one}
    return [replace(m, becomes=not_again(m.becomes)) if id(m) in ends else m for m in moves]


def notes_of(
    moves: Sequence[SettleMove], late: Sequence[Row[Any]], prices: Mapping[UUID, Money]
) -> Iterator[Move]:
    """What the jobs of batches were and become; those that only cost more stay where they are."""
    for move in moves:
        row, becomes = move.row, move.becomes
        cost = row.cost + prices.get(row.attempt_id, 0)
        yield Move(row, {"state": becomes.state, "error": becomes.error, "cost": cost})
    for row in late:
        yield Move(row, {"cost": row.cost + prices[row.attempt_id]})
