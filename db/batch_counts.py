"""How many jobs of a batch are where: noted by every commit that moves one, added up by upkeep.

A note is a row of its own, so that nobody who moves jobs waits for another one. What has not been
added up yet is added by whoever reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, String, bindparam, cast, delete, func, insert, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from db.rows import Job
from db.tables import batch_changes, batch_totals
from jobs.batches import NONE, Count, Counts, Place, place_of
from jobs.states import State


class Move(NamedTuple):
    """A job, by a `jobs` row or a `Job`, and what it becomes of `state`, `error` and `cost`.

    `was`: what it was of these before, where the row says something else.
    """

    job: Any
    becomes: Mapping[str, Any]
    was: Mapping[str, Any] = MappingProxyType({})


_Key = tuple[UUID, Place]


@dataclass(frozen=True)
class _Note:
    count: Count
    example: UUID | None = None

    def __add__(self, other: "_Note") -> "_Note":
        return _Note(self.count + other.count, other.example or self.example)


_NOTHING = _Note(NONE)


def note_moves(connection: Connection, moves: Iterable[Move]) -> None:
    """Note that jobs were moved; those of no batch are left out."""
    tally: dict[_Key, _Note] = {}
    for job, becomes, was in moves:
        if job.batch_id is not None:
            _add(tally, job, was, -1)
            _add(tally, job, {**was, **becomes}, 1)
    _write(connection, tally)


def note_added(connection: Connection, added: Iterable[Job]) -> None:
    """Note that these jobs have come; those of no batch are left out."""
    tally: dict[_Key, _Note] = {}
    for job in added:
        if job.batch_id is not None:
            _add(tally, job, {}, 1)
    _write(connection, tally)


def counts_of(connection: Connection, batch_id: UUID) -> Counts:
    """The counts of a batch as they are now."""
    return counts_of_many(connection, [batch_id]).get(batch_id, Counts({}))


def counts_of_many(connection: Connection, batch_ids: Iterable[UUID]) -> dict[UUID, Counts]:
    """The same of several; those without a job are left out."""
    found: dict[UUID, dict[Place, Count]] = {}
    for row in connection.execute(_COUNTS, {"ids": list(batch_ids)}):
        count = Count(int(row.jobs), int(row.cost), int(row.estimate))
        if count != NONE:
            found.setdefault(row.batch_id, {})[Place(State(row.state), row.kind)] = count
    return {batch_id: Counts(by_place) for batch_id, by_place in found.items()}


def examples_of(connection: Connection, batch_id: UUID) -> dict[str, UUID]:
    """A job for each kind of failure, by the kind."""
    rows = connection.execute(_EXAMPLES, {"ids": [batch_id]})
    return {row.kind: UUID(row.example) for row in rows}


def add_up(connection: Connection, limit: int) -> set[UUID]:
    """Add up to `limit` notes to the totals; the batches that they are of.

    Two that do so at once take different notes, and add to the same totals one after the other.
    """
    tally: dict[_Key, _Note] = {}
    for row in connection.execute(_TAKE, {"most": limit}):
        key = (row.batch_id, Place(State(row.state), row.kind))
        note = _Note(Count(row.jobs, row.cost, row.estimate), row.example)
        tally[key] = tally.get(key, _NOTHING) + note
    # In one order everywhere: two that each wait for the other's total would be a deadlock.
    if rows := _rows(dict(sorted(tally.items(), key=lambda one: one[0]))):
        insert_ = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        new = insert_(batch_totals)
        sums: dict[str, Any] = {
            name: batch_totals.c[name] + new.excluded[name] for name in _NUMBERS
        }
        sums["example"] = func.coalesce(new.excluded.example, batch_totals.c.example)
        key_columns = list(batch_totals.primary_key)
        connection.execute(new.on_conflict_do_update(index_elements=key_columns, set_=sums), rows)
    return {batch_id for batch_id, _ in tally}


def _add(tally: dict[_Key, _Note], job: Any, instead: Mapping[str, Any], sign: int) -> None:
    """`instead`: what counts in the place of what the row says."""
    # No default of `get`: a row need not have the state that is said instead.
    state = instead["state"] if "state" in instead else job.state  # noqa: SIM401
    cost, error = instead.get("cost", job.cost), instead.get("error", _error_of(job))
    key = (job.batch_id, place_of(State(state), error))
    count = Count(sign, sign * cost, sign * job.estimate)
    tally[key] = tally.get(key, _NOTHING) + _Note(count, job.id if sign > 0 else None)


def _error_of(job: Any) -> dict[str, Any] | None:
    """Those who move waiting jobs do not read why an earlier call failed: it is in no count."""
    found: dict[str, Any] | None = getattr(job, "error", None)
    return found


def _write(connection: Connection, tally: Mapping[_Key, _Note]) -> None:
    if rows := _rows(tally):
        connection.execute(insert(batch_changes), rows)


def _rows(tally: Mapping[_Key, _Note]) -> list[dict[str, Any]]:
    return [
        {
            "batch_id": batch_id,
            "state": place.state,
            "kind": place.kind,
            "jobs": note.count.jobs,
            "cost": note.count.cost,
            "estimate": note.count.estimate,
            "example": note.example if place.kind else None,
        }
        for (batch_id, place), note in tally.items()
        if note.count != NONE
    ]


_NUMBERS = ("jobs", "cost", "estimate")
_COLUMNS = ("batch_id", "state", "kind", *_NUMBERS, "example")
_of_these: Any = bindparam("ids", expanding=True)
_both = union_all(
    *(
        select(*(one.c[name] for name in _COLUMNS)).where(one.c.batch_id.in_(_of_these))
        for one in (batch_totals, batch_changes)
    )
).subquery()
_COUNTS = select(
    _both.c.batch_id,
    _both.c.state,
    _both.c.kind,
    *(func.sum(_both.c[name]).label(name) for name in _NUMBERS),
).group_by(_both.c.batch_id, _both.c.state, _both.c.kind)
_EXAMPLES = (
    # As text, since PostgreSQL has no greatest UUID.
    select(_both.c.kind, func.max(cast(_both.c.example, String)).label("example"))
    .where(_both.c.example.is_not(None))
    .group_by(_both.c.kind)
)
_TAKE = (
    delete(batch_changes)
    .where(
        batch_changes.c.id.in_(
            select(batch_changes.c.id)
            .order_by(batch_changes.c.id)
            .limit(bindparam("most"))
            .with_for_update(skip_locked=True)
        )
    )
    .returning(*(batch_changes.c[name] for name in _COLUMNS))
)
