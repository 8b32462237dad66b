"""Takes queued jobs of models that pause out of the order, and brings them back.

The claim leaves such jobs out by itself; but it would step over all of them each time. Held jobs
are `queued` in every other respect: they can be canceled, changed and expire. One that has left
`queued` may keep its mark; it means nothing there and goes when the model's pause ends. Those that
no budget covers are held, too, and brought back elsewhere (db/covering.py).
"""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    exists,
    literal_column,
    or_,
    select,
    text,
    update,
)

from db.engine import Database
from db.tables import accounts, jobs, model_pauses
from db.turns import IN_ORDER, in_order
from jobs.account_pauses import PauseReason
from jobs.budgets import UNCOVERED
from jobs.states import State

# The models of held jobs, found by hopping from one to the next in the index of held jobs.
_MODELS_OF_HELD = text("""
WITH RECURSIVE hop(model) AS (
  SELECT (SELECT model FROM jobs WHERE pool = :pool AND held_for IS NOT NULL
          ORDER BY model LIMIT 1)
  UNION ALL
  SELECT (SELECT model FROM jobs WHERE pool = :pool AND held_for IS NOT NULL
          AND model > hop.model ORDER BY model LIMIT 1)
  FROM hop WHERE hop.model IS NOT NULL
)
SELECT model FROM hop WHERE model IS NOT NULL
""").columns(model=Text)

_paused = model_pauses.alias("paused")
_other = accounts.alias("other")

CHUNK = 1_000
"""Jobs marked in one commit, so that no claim waits long for it."""


class HeldJobs:
    """Whatever raced with a pause or its end, a turn of both verbs puts right."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, pool: str, limit: int) -> int:
        """Hold up to `limit` queued jobs that no account of the pool may call; how many."""
        with self._database.read() as connection:
            paused = list(connection.scalars(_paused_everywhere(pool)))
            if not paused:
                return 0
            # Without a lock, so that the order's index alone may serve.
            found = list(
                connection.scalars(
                    select(jobs.c.id)
                    .where(jobs.c.pool == pool, *in_order(), jobs.c.model.in_(paused))
                    .order_by(*IN_ORDER)
                    .limit(limit)
                )
            )
        if not found:
            return 0
        return len(self._mark(found, PauseReason.FORBIDDEN, jobs.c.held_for.is_(None)))

    def bring_back(self, pool: str, limit: int) -> int:
        """Put up to `limit` held jobs back whose model may be called; how many are queued now."""
        with self._database.read() as connection:
            held = set(connection.scalars(_MODELS_OF_HELD, {"pool": pool}))
            free = held.difference(connection.scalars(_paused_everywhere(pool))) if held else held
            if not free:
                return 0
            found = list(
                connection.scalars(
                    select(jobs.c.id)
                    .where(
                        jobs.c.pool == pool,
                        literal_column("held_for IS NOT NULL"),
                        jobs.c.held_for != UNCOVERED,
                        jobs.c.model.in_(sorted(free)),
                    )
                    .order_by(jobs.c.model)
                    .limit(limit)
                )
            )
        return self._mark(found, None, jobs.c.held_for != UNCOVERED).count(State.QUEUED)

    def _mark(
        self, ids: list[UUID], held_for: PauseReason | None, still: ColumnElement[bool]
    ) -> list[State]:
        """Mark those that nobody holds or has moved meanwhile; the state of each that was marked.

        A hold is of queued jobs only; a mark is taken from any.
        """
        if held_for is not None:
            still &= jobs.c.state == State.QUEUED
        marked: list[State] = []
        for start in range(0, len(ids), CHUNK):
            mine = select(jobs.c.id).where(jobs.c.id.in_(ids[start : start + CHUNK]), still)
            with self._database.write() as connection:
                # Apart from the update: as one statement it may be planned as ids times ids.
                free = list(connection.scalars(mine.with_for_update(skip_locked=True)))
                states = connection.scalars(
                    update(jobs)
                    .where(jobs.c.id.in_(free), still)
                    .values(held_for=held_for)
                    .returning(jobs.c.state)
                )
                marked += [State(state) for state in states]
        return marked


def _paused_everywhere(pool: str) -> Select[Any]:
    """The models that no account of the pool may call, one at least for the model's own sake.

    The others may pause as a whole until a probe or an operator ends that. A rate limit is no such
    pause: it is over within a minute or two.
    """
    pauses = or_(_other.c.paused_for.is_not(None), _other.c.key_trouble.is_not(None))
    of_model = exists().where(
        model_pauses.c.account_id == _other.c.id,
        model_pauses.c.model == _paused.c.model,
        model_pauses.c.resumed_at.is_(None),
    )
    can_call = exists().where(
        _other.c.pool == pool, _other.c.removed_at.is_(None), ~pauses, ~of_model
    )
    return (
        select(_paused.c.model)
        .distinct()
        .join(accounts, accounts.c.id == _paused.c.account_id)
        .where(
            accounts.c.pool == pool,
            accounts.c.removed_at.is_(None),
            _paused.c.resumed_at.is_(None),
            ~can_call,
        )
    )
