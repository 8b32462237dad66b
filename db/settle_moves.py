"""What a settle makes of a job: decided by the rules, written by `MOVE`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from db.rows import Settlement
from jobs.money import Money
from jobs.settling import Settled, settled
from jobs.states import FINAL, State


@dataclass(frozen=True)
class SettleMove:
    """What a settle makes of a job; `row` is as it was."""

    settlement: Settlement
    row: Row[Any]
    becomes: Settled


def move_of(settlement: Settlement, row: Row[Any]) -> SettleMove | None:
    """What the job becomes; None when this attempt is not its latest or it does not wait for it."""
    doubt = settlement.decision.state is State.IN_DOUBT
    leaving = {State.RUNNING} if doubt else {State.RUNNING, State.IN_DOUBT}
    if row.number != settlement.number or row.state not in leaving:
        return None
    becomes = settled(
        settlement.decision,
        settlement.failure,
        leaving=State(row.state),
        canceled=row.cancel_requested_at is not None,
        drops_image=row.cancel_drops,
        finish_by=row.finish_by,
    )
    return SettleMove(settlement, row, becomes)


def values_of(move: SettleMove, at: datetime, prices: Mapping[UUID, Money]) -> dict[str, Any]:
    """What `MOVE` is given."""
    settlement, row, becomes = move.settlement, move.row, move.becomes
    return {
        "job": row.id,
        "fence": settlement.number,
        "leaves": row.state,
        "becomes": becomes.state,
        "due": becomes.run_at,
        # A doubt has spent its attempt already; it gets it back when the call turns out free.
        "spent": settlement.decision.spends_attempt - (row.state == State.IN_DOUBT),
        "used": settlement.seed,
        "why": becomes.error,
        "ended": at if becomes.state in FINAL else None,
        "price": prices.get(settlement.attempt_id, 0),
    }
