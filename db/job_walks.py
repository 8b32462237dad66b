"""Walking a tenant's jobs from the newest to the oldest along one of several indexes.

A walk gives ids only, read from its index in order. Everything else that a filter asks for is
looked up for each id that is passed, in scalar subqueries: those no planner turns into a join,
which would read and sort all that is stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, Select, literal, select, union_all

from db.tables import job_tags, jobs
from jobs.states import State

Check = Callable[[ColumnElement[Any]], ColumnElement[bool]]
"""What must be true of an id that is passed, as a condition."""


@dataclass(frozen=True)
class JobFilter:
    """What a job must be to be listed; the default lets every job through.

    `tags` must all be there. `created_after` is the first moment that counts, `created_before` the
    first that does not any more.
    """

    states: tuple[State, ...] = ()
    model: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class Range:
    """Ids from `first` on, and less than `below`; None: no such bound."""

    first: UUID | None
    below: UUID | None

    def holds(self, id_: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The bounds as conditions."""
        bounds = []
        if self.first is not None:
            bounds.append(id_ >= self.first)
        if self.below is not None:
            bounds.append(id_ < self.below)
        return bounds


@dataclass(frozen=True)
class Walk:
    """One index, in pieces that are merged: each a column of ids, and what must be true of its rows."""

    pieces: list[tuple[Column[Any], list[ColumnElement[bool]]]]

    def ids(self, within: Range, most: int | None = None) -> Select[Any]:
        """The ids in the range, newest first; at most so many of each piece."""
        picked = [
            select(id_.label("id"))
            .where(*true_of_it, *within.holds(id_))
            .order_by(id_.desc())
            .limit(most)
            for id_, true_of_it in self.pieces
        ]
        if len(picked) == 1:
            return picked[0]
        merged = union_all(*(select(one.subquery()) for one in picked)).subquery()
        return select(merged.c.id).order_by(merged.c.id.desc())

    def end(self, connection: Connection, within: Range, stretch: int) -> UUID | None:
        """The id with which a stretch of so many jobs ends; None when there are fewer left."""
        last = self.ids(within, stretch).offset(stretch - 1).limit(1)
        found: UUID | None = connection.scalar(last)
        return found


def walks(tenant_id: UUID, wanted: JobFilter) -> list[Walk]:
    """The indexes along which the wanted jobs can be found; at least one."""
    mine = jobs.c.tenant_id == tenant_id
    found = [
        Walk([(job_tags.c.job_id, [job_tags.c.tenant_id == tenant_id, job_tags.c.tag == tag])])
        for tag in wanted.tags
    ]
    if wanted.group is not None:
        found.append(Walk([(jobs.c.id, [mine, jobs.c.group_name == wanted.group])]))
    if wanted.states:
        # A piece for each: the index is in the order of ids within a state, not over several.
        found.append(Walk([(jobs.c.id, [mine, jobs.c.state == one]) for one in wanted.states]))
    return found or [Walk([(jobs.c.id, [mine])])]


def furthest(
    connection: Connection, among: list[Walk], within: Range, stretch: int
) -> tuple[Walk, UUID | None]:
    """The walk whose next stretch reaches furthest back, and the id with which that ends.

    It is the one that passes the fewest jobs for nothing. None: it goes down to the oldest job.
    """
    best, best_end = among[0], UUID(int=2**128 - 1)
    for walk in among:
        end = walk.end(connection, within, stretch)
        if end is None:
            return walk, None
        if end < best_end:
            best, best_end = walk, end
    return best, best_end


def passing(walk: Walk, within: Range, checks: Sequence[Check], most: int) -> Select[Any]:
    """The ids of a walk in the range that pass all checks, newest first, up to `most`."""
    # Without checks a piece gives no more than is wanted; with them the range bounds it.
    ids = walk.ids(within, None if checks else most).subquery()
    return (
        select(ids.c.id)
        .where(*(check(ids.c.id) for check in checks))
        .order_by(ids.c.id.desc())
        .limit(most)
    )


def checks(wanted: JobFilter) -> list[Check]:
    """What has to be looked up for an id: nothing where one walk says all."""
    of_row = _of_row(wanted)
    if len(of_row) + len(wanted.tags) <= 1 and wanted.model is None and not _times(wanted):
        return []
    found = [_is_tagged(tag) for tag in wanted.tags]
    return [_row_has(of_row), *found] if of_row else found


def _of_row(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """What the filter says of a row of `jobs`; its tags stand in rows of their own."""
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(jobs.c.state.in_(wanted.states))
    if wanted.group is not None:
        found.append(jobs.c.group_name == wanted.group)
    if wanted.model is not None:
        found.append(jobs.c.model == wanted.model)
    return found + _times(wanted)


def _times(wanted: JobFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.created_after is not None:
        found.append(jobs.c.created_at >= wanted.created_after)
    if wanted.created_before is not None:
        found.append(jobs.c.created_at < wanted.created_before)
    return found


def _row_has(conditions: list[ColumnElement[bool]]) -> Check:
    def check(id_: ColumnElement[Any]) -> ColumnElement[bool]:
        return _exists(select(literal(1)).select_from(jobs).where(jobs.c.id == id_, *conditions))

    return check


def _is_tagged(tag: str) -> Check:
    def check(id_: ColumnElement[Any]) -> ColumnElement[bool]:
        tagged = select(literal(1)).where(job_tags.c.job_id == id_, job_tags.c.tag == tag)
        return _exists(tagged)

    return check


def _exists(found: Select[Any]) -> ColumnElement[bool]:
    # Not EXISTS, which PostgreSQL may turn into a join.
    return found.scalar_subquery().is_not(None)
