"""A settle of several attempts at once: records, moves, outputs, money and pauses, in one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from db.among import among
from db.balances import believe
from db.batch_counts import note_moves
from db.batch_settles import notes_of, within_budgets
from db.budget_books import Books
from db.budget_gate import passing
from db.budget_settles import balance
from db.engine import Database
from db.passes import Refund, refund
from db.pauses import pause_account
from db.queue_room import came_back
from db.rows import Moved, Output, Settlement
from db.settle_moves import move_of, values_of
from db.settle_statements import BOOK, KEEP, MOVE, RECORD
from db.tables import attempts, jobs
from jobs import credits as balances
from jobs.account_pauses import Pause
from jobs.credits import Reading
from jobs.doubts import FOR_WANT_OF_WORD, DoubtEnd
from jobs.failures import FailureKind
from jobs.money import Money
from jobs.settling import Settled
from jobs.states import WAITING, State

_LOOK_FOR_THE_COST = timedelta(seconds=60)
"""When the history is asked for a cost that is only believed: its row may lag."""


@dataclass(frozen=True)
class Done:
    """`moved`: what each settlement did to its job; `pauses`: those that began; `after_all`: those
    of calls that were taken for absent, and that are booked now.
    """

    moved: list[Moved]
    pauses: list[Pause]
    after_all: list[Settlement]


class Settling:
    """Written once for a database: to build statements anew takes longer than to run them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = Books(database)
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
                attempts.c.request_id.label("attempt_request_id"),
                attempts.c.doubt_ended.label("attempt_doubt_ended"),
                attempts.c.estimate.label("attempt_estimate"),
                attempts.c.claimed_at.label("attempt_claimed_at"),
                database.now.label("at"),
                *passing(database),
                jobs,
            )
            .join_from(attempts, jobs, jobs.c.id == attempts.c.job_id)
            .where(among(database, attempts.c.id, "ids"))
            # By jobs, as all who lock several.
            .order_by(jobs.c.id)
            .with_for_update()
        )

    def settle(self, connection: Connection, settlements: Sequence[Settlement]) -> Done:
        """Settle them all; see `RunStore.settle`. No two are of the same job."""
        ids = [settlement.attempt_id for settlement in settlements]
        rows = {row.attempt_id: row for row in connection.execute(self._standing, {"ids": ids})}
        if not rows:
            # As after another database was restored.
            return Done([Moved.NO] * len(settlements), [], [])
        at: datetime = next(iter(rows.values())).at
        settlements = [
            s
            for s in settlements
            if s.attempt_id in rows and not _is_overtaken(s, rows[s.attempt_id])
        ]
        unrecorded = [s for s in settlements if _adds_to(s, rows[s.attempt_id])]
        # A doubt's record stays open, and what its call costs is not known yet.
        booked = [s for s in unrecorded if s.decision.state is not State.IN_DOUBT]
        prices = {s.attempt_id: _price(s, rows[s.attempt_id]) for s in booked}
        moves = [m for s in settlements if (m := move_of(s, rows[s.attempt_id])) is not None]
        moves = within_budgets(connection, moves, prices)
        moved = {m.settlement.attempt_id: m.becomes for m in moves}
        if unrecorded:
            connection.execute(RECORD, [_record(s, rows[s.attempt_id], at) for s in unrecorded])
        if moves:
            connection.execute(MOVE, [values_of(m, at, prices) for m in moves])
        if late := [s for s in booked if prices[s.attempt_id] and s.attempt_id not in moved]:
            connection.execute(
                BOOK, [{"job": s.job_id, "price": prices[s.attempt_id]} for s in late]
            )
        note_moves(connection, notes_of(moves, [rows[s.attempt_id] for s in late], prices))
        wanted = [m for m in moves if m.becomes.keeps_images]
        if kept := [_output(m.settlement, o) for m in wanted for o in m.settlement.outputs]:
            connection.execute(KEEP, kept)
        # In this commit, or the jobs would be free to be claimed before their account pauses.
        pauses = self._change_accounts(connection, _latest(booked), settlements)
        goes_on = [m.row for m in moves if m.becomes.state in WAITING]
        came_back(connection, [row.tenant_id for row in goes_on])
        ended = [(rows[s.attempt_id], s) for s in booked]
        balance(connection, self._database, self._books, at, ended, goes_on)
        # After the account's row, as claims do: one that waits for the other would be a deadlock.
        if unsent := [m.row for m in moves if _is_unsent(m.settlement)]:
            refund(connection, [_refund_of(row) for row in unsent])
        after_all = [
            s
            for s in booked
            if rows[s.attempt_id].attempt_doubt_ended == DoubtEnd.ABSENT and s.cost
        ]
        return Done([_done(moved.get(one), rows.get(one)) for one in ids], pauses, after_all)

    def _change_accounts(
        self,
        connection: Connection,
        readings: Mapping[UUID, Reading],
        settlements: Sequence[Settlement],
    ) -> list[Pause]:
        """Write down what their accounts were said to be left with; the pauses that began.

        One account after the other, so that two groups with calls of the same ones never wait for
        each other.
        """
        pausing = [(s, s.pause) for s in settlements if s.pause is not None]
        began: list[Pause] = []
        for account_id in sorted({*readings, *(s.account_id for s, _ in pausing)}):
            if account_id in readings:
                believe(connection, account_id, readings[account_id])
            began += [
                pause
                for s, pause in pausing
                if s.account_id == account_id
                and pause_account(connection, account_id, pause, self._database, s.attempt_id)
            ]
        return began


def _is_overtaken(settlement: Settlement, row: Row[Any]) -> bool:
    """Whether the doubt is to end for want of word, and its request has become known meanwhile."""
    return (
        settlement.doubt_ended in FOR_WANT_OF_WORD
        and row.attempt_request_id is not None
        and row.attempt_request_id != settlement.request_id
    )


def _adds_to(settlement: Settlement, row: Row[Any]) -> bool:
    """Whether the attempt has no end yet, or one whose cost was only believed and is known now.

    Or is known to have been more: one that was taken for absent has come with its images.
    """
    if row.attempt_finished_at is None:
        return True
    if row.attempt_cost_known is not False or settlement.decision.state is State.IN_DOUBT:
        return False
    return settlement.cost_known or settlement.cost > (row.attempt_cost or 0)


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
        # Patience counts from the first doubt.
        "doubted": at if doubt and row.attempt_in_doubt_at is None else None,
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
