"""A settle of several attempts at once: records, moves, outputs, money and pauses, in one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Row,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from db.accounts import believe
from db.among import among
from db.column_types import Instant
from db.engine import Database
from db.pauses import pause_account
from db.rows import Moved, Output, Settlement
from db.tables import attempts, jobs, outputs
from db.turns import Refund, refund
from jobs import credits as balances
from jobs.account_pauses import Pause
from jobs.credits import Reading
from jobs.doubts import DoubtEnd
from jobs.failures import FailureKind
from jobs.money import Money
from jobs.settling import Settled, settled
from jobs.states import FINAL, State

_LOOK_FOR_THE_COST = timedelta(seconds=60)
"""When the history is asked for a cost that is only believed: its row may lag."""


@dataclass(frozen=True)
class Done:
    """`moved`: what each settlement did to its job; `pauses`: those that began."""

    moved: list[Moved]
    pauses: list[Pause]


@dataclass(frozen=True)
class _Move:
    settlement: Settlement
    row: Row[Any]
    becomes: Settled


class Settling:
    """Written once for a database: to build statements anew takes longer than to run them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Locked, so that what is read here is still so when it is written; and in one order
        # everywhere, so that two groups with the same attempts never wait for each other. The time
        # comes with them, since a trip of its own costs as much as the rows.
        self._standing = (
            select(
                attempts.c.id.label("attempt_id"),
                attempts.c.finished_at.label("attempt_finished_at"),
                attempts.c.in_doubt_at.label("attempt_in_doubt_at"),
                attempts.c.cost.label("attempt_cost"),
                attempts.c.cost_known.label("attempt_cost_known"),
                database.now.label("at"),
                jobs,
            )
            .join_from(attempts, jobs, jobs.c.id == attempts.c.job_id)
            .where(among(database, attempts.c.id, "ids"))
            .order_by(attempts.c.id)
            .with_for_update()
        )

    def settle(self, connection: Connection, settlements: Sequence[Settlement]) -> Done:
        """Settle them all; see `RunStore.settle`. No two are of the same job."""
        ids = [settlement.attempt_id for settlement in settlements]
        rows = {row.attempt_id: row for row in connection.execute(self._standing, {"ids": ids})}
        if not rows:
            # As after another database was restored.
            return Done([Moved.NO] * len(settlements), [])
        at: datetime = next(iter(rows.values())).at
        settlements = [s for s in settlements if s.attempt_id in rows]
        unrecorded = [s for s in settlements if _adds_to(s, rows[s.attempt_id])]
        # A doubt's record stays open, and what its call costs is not known yet.
        booked = [s for s in unrecorded if s.decision.state is not State.IN_DOUBT]
        prices = {s.attempt_id: _price(s, rows[s.attempt_id]) for s in booked}
        moves = [m for s in settlements if (m := _move(s, rows[s.attempt_id])) is not None]
        moved = {m.settlement.attempt_id: m.becomes for m in moves}
        if unrecorded:
            connection.execute(_RECORD, [_record(s, rows[s.attempt_id], at) for s in unrecorded])
        if moves:
            connection.execute(_MOVE, [_values(m, at, prices) for m in moves])
        if late := [s for s in booked if prices[s.attempt_id] and s.attempt_id not in moved]:
            connection.execute(
                _BOOK, [{"job": s.job_id, "price": prices[s.attempt_id]} for s in late]
            )
        wanted = [m for m in moves if m.becomes.keeps_images]
        if kept := [_output(m.settlement, o) for m in wanted for o in m.settlement.outputs]:
            connection.execute(_KEEP, kept)
        for account_id, reading in _latest(booked).items():
            believe(connection, account_id, reading)
        # In this commit, or the jobs would be free to be claimed before their account pauses.
        pauses = [
            s.pause
            for s in settlements
            if s.pause is not None
            and pause_account(connection, s.account_id, s.pause, self._database, s.attempt_id)
        ]
        # After the account's row, as claims do: one that waits for the other would be a deadlock.
        if unsent := [m.row for m in moves if _is_unsent(m.settlement)]:
            refund(connection, [_refund_of(row) for row in unsent])
        return Done([_done(moved.get(one), rows.get(one)) for one in ids], pauses)


def _or_as_it_is(name: str, column: Column[Any]) -> ColumnElement[Any]:
    return func.coalesce(bindparam(name, type_=column.type), column)


def _unless_it_corrects(name: str, column: Column[Any]) -> ColumnElement[Any]:
    corrects = bindparam("corrects", type_=Boolean)
    return case((corrects, column), else_=bindparam(name, type_=column.type))


# Conditional once more: the rows are locked, and should that ever change, nothing is overwritten.
_RECORD = (
    update(attempts)
    .where(
        attempts.c.id == bindparam("attempt"),
        or_(attempts.c.finished_at.is_(None), attempts.c.cost_known.is_(False)),
    )
    .values(
        finished_at=bindparam("ended"),
        next_poll_at=None,
        next_look_at=bindparam("look"),
        outcome=_unless_it_corrects("came_to", attempts.c.outcome),
        message=_unless_it_corrects("said", attempts.c.message),
        cost=bindparam("price"),
        cost_known=bindparam("known"),
        doubt_ended=_or_as_it_is("doubt_end", attempts.c.doubt_ended),
        # What whoever came before has seen stays where this one has not.
        in_doubt_at=_or_as_it_is("doubted", attempts.c.in_doubt_at),
        http_status=_or_as_it_is("status", attempts.c.http_status),
        request_id=_or_as_it_is("request", attempts.c.request_id),
        generation_seconds=_or_as_it_is("seconds", attempts.c.generation_seconds),
        sent_at=_or_as_it_is("sent", attempts.c.sent_at),
        answered_at=_or_as_it_is("answered", attempts.c.answered_at),
        answer_form=_or_as_it_is("form", attempts.c.answer_form),
    )
)
_MOVE = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job"),
        jobs.c.number == bindparam("fence"),
        jobs.c.state == bindparam("leaves"),
    )
    .values(
        state=bindparam("becomes"),
        run_at=func.coalesce(bindparam("due", type_=Instant), jobs.c.run_at),
        attempts=jobs.c.attempts + bindparam("spent", type_=Integer),
        seed=bindparam("used"),
        error=bindparam("why"),
        finished_at=bindparam("ended"),
        cost=jobs.c.cost + bindparam("price", type_=BigInteger),
    )
)
_BOOK = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(cost=jobs.c.cost + bindparam("price", type_=BigInteger))
)
_KEEP = insert(outputs)


def _adds_to(settlement: Settlement, row: Row[Any]) -> bool:
    """Whether the attempt has no end yet, or one whose cost was only believed and is known now."""
    if row.attempt_finished_at is None:
        return True
    knows = settlement.cost_known and settlement.decision.state is not State.IN_DOUBT
    return row.attempt_cost_known is False and knows


def _price(settlement: Settlement, row: Row[Any]) -> Money:
    """What is to be booked: the cost, less what was believed and booked before."""
    before = row.attempt_cost if row.attempt_finished_at is not None else 0
    return Money(settlement.cost - (before or 0))


def _record(settlement: Settlement, row: Row[Any], at: datetime) -> dict[str, Any]:
    doubt, failure = settlement.decision.state is State.IN_DOUBT, settlement.failure
    was_in_doubt = row.attempt_in_doubt_at is not None and not doubt
    first = row.attempt_finished_at is None
    # Found later, and only for what it cost: how it ended is known.
    corrects = not first and settlement.found_by_request
    look = None
    if doubt:
        look = at
    elif not settlement.cost_known:
        look = at + _LOOK_FOR_THE_COST
    return {
        "look": look,
        "doubt_end": (settlement.doubt_ended or DoubtEnd.RECEIPT)
        if was_in_doubt and first
        else None,
        "attempt": settlement.attempt_id,
        # An attempt in doubt stays open: it may still turn out to have cost something.
        "ended": None if doubt else at,
        "doubted": at if doubt else None,
        "corrects": corrects,
        "came_to": failure.kind if failure else State.SUCCEEDED,
        "said": failure.message if failure else None,
        "status": settlement.http_status,
        "request": settlement.request_id,
        "price": settlement.cost if settlement.cost_known or not doubt else None,
        "known": settlement.cost_known,
        "seconds": settlement.generation_seconds,
        "sent": settlement.sent_at,
        "answered": settlement.answered_at,
        "form": settlement.answer_form,
    }


def _move(settlement: Settlement, row: Row[Any]) -> _Move | None:
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
    return _Move(settlement, row, becomes)


def _values(move: _Move, at: datetime, prices: Mapping[UUID, Money]) -> dict[str, Any]:
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


def _done(becomes: Settled | None, row: Row[Any] | None) -> Moved:
    if becomes is not None:
        return Moved.YES if becomes.keeps_images else Moved.WITHOUT_IMAGES
    # Settled before, by one who died before it had removed the images.
    unwanted = row is not None and row.state == State.CANCELED and row.cancel_drops
    return Moved.WITHOUT_IMAGES if unwanted else Moved.NO


def _output(settlement: Settlement, output: Output) -> dict[str, Any]:
    return {
        "job_id": settlement.job_id,
        "n": output.n,
        "artifact": output.artifact,
        "content_type": output.content_type,
        "width": output.width,
        "height": output.height,
        "bytes": output.bytes,
        "sha256": output.sha256,
    }


def _latest(booked: Sequence[Settlement]) -> dict[UUID, Reading]:
    """The balance to believe of each account, of all that the answers said."""
    found: dict[UUID, Reading] = {}
    for one in booked:
        if one.credits is not None:
            found[one.account_id] = balances.newer(found.get(one.account_id), one.credits)
    return found


def _is_unsent(settlement: Settlement) -> bool:
    return settlement.failure is not None and settlement.failure.kind is FailureKind.NOT_SENT


def _refund_of(row: Row[Any]) -> Refund:
    return Refund(row.pool, row.tenant_id, row.priority, row.group_name, row.estimate)
