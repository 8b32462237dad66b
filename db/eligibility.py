"""Who may not claim now, and why: one answer for the claim, for tickets and for whoever waits.

Tenants and groups are left out as a whole, before the claim looks at any of their jobs, so that it
steps over none. Whatever can keep a tenant out is one of `SOURCES`: pauses, budgets, caps.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, func, literal_column, select

from db import budget_looks
from db.tables import jobs, tenant_groups, tenants
from jobs.states import State, WaitingFor

M = TypeVar("M", UUID, str)
V = TypeVar("V")


@dataclass(frozen=True)
class LeftOut:
    """Why a tenant or a group claims nothing now, as the API tells it; `until` when, if it is known."""

    reason: WaitingFor
    note: str
    until: datetime | None = None


@dataclass(frozen=True)
class Eligible(Generic[M]):
    """Of some tenants, or of a tenant's groups: who is left out, and what bounds the others. Whoever
    stands in none of it may claim as much as waits.
    """

    left_out: Mapping[M, LeftOut] = field(default_factory=dict)
    room: Mapping[M, int] = field(default_factory=dict)
    """How many more jobs of those that have a cap may run; at least one."""
    left: Mapping[M, int] = field(default_factory=dict)
    """10⁻¹⁰ USD that the calls of those that have a budget may cost."""
    waited: Mapping[M, LeftOut] = field(default_factory=dict)
    """Who claimed nothing when last somebody asked, and may be asked again: for whoever waits."""


Source = Callable[[Connection, Sequence[Row[Any]]], Eligible[UUID]]
"""Of the tenants in some rows (`OF_TENANT` and their id) those whom it leaves out or bounds. It is
asked in every claim: where it has nothing to say of any tenant, it asks SQL nothing either.
"""

OF_TENANT = {
    **{
        name: f"{{tenants}}.{name}"
        for name in ("name", "max_running", "paused_at", "paused_by", "pause_note")
    },
    # Whether a claim reserves of a budget of it: `jobs.budgets.OF_CLAIMS`.
    "budgeted": "EXISTS (SELECT 1 FROM budgets WHERE budgets.tenant_id = {tenants}.id "
    "AND budgets.period IN ('day', 'month'))",
}
"""What decides about a tenant, as SQL; the look of the order fetches it with the rest."""
OF_GROUP = ("max_running", "paused_at", "paused_by", "pause_note")


def paused(_connection: Connection, rows: Sequence[Row[Any]]) -> Eligible[UUID]:
    """Tenants that somebody has stopped by hand."""
    return Eligible(
        {row.id: _paused(f"tenant {row.name}", row) for row in rows if row.paused_at is not None}
    )


def used_up(connection: Connection, rows: Sequence[Row[Any]]) -> Eligible[UUID]:
    """Tenants whose budget of a day or month admits nothing, and what it leaves the others."""
    budgeted = [row.id for row in rows if row.budgeted]
    if not budgeted:
        return Eligible()
    found = budget_looks.look(connection, budgeted)
    out, waited = (
        {
            tenant: LeftOut(WaitingFor.BUDGET, short.in_words(), short.until)
            for tenant, short in one.items()
        }
        for one in (found.out, found.was_short)
    )
    return Eligible(out, left=found.left, waited=waited)


def full(connection: Connection, rows: Sequence[Row[Any]]) -> Eligible[UUID]:
    """Tenants of which as many jobs run as may, and how many more may of the others with a cap."""
    capped = [row for row in rows if row.max_running is not None]
    room = _room(connection, capped)
    return Eligible(
        {
            row.id: _full(f"tenant {row.name}", row.max_running)
            for row in capped
            if room[row.id] <= 0
        },
        room={tenant: left for tenant, left in room.items() if left > 0},
    )


SOURCES: tuple[Source, ...] = (paused, used_up, full)
"""The first that leaves a tenant out says why: what lasts longest stands first."""


def of_tenants(connection: Connection, rows: Sequence[Row[Any]]) -> Eligible[UUID]:
    """Of the tenants in `rows` (`OF_TENANT`, and their id)."""
    found = [source(connection, rows) for source in SOURCES]
    return Eligible(
        _first(one.left_out for one in found),
        _first(one.room for one in found),
        _first(one.left for one in found),
        _first(one.waited for one in found),
    )


def _first(said: Iterable[Mapping[UUID, V]]) -> dict[UUID, V]:
    together: dict[UUID, V] = {}
    for one in said:
        together = {**one, **together}
    return together


def of_groups(
    connection: Connection,
    tenant_id: UUID,
    rows: Mapping[str, Row[Any]],
    taken: Mapping[str, int] = MappingProxyType({}),
) -> Eligible[str]:
    """Of a tenant's groups by their names (`OF_GROUP`). `taken`: how many jobs of each are about to
    run besides.
    """
    left_out = {
        group: _paused(_name_of(group), row)
        for group, row in rows.items()
        if row.paused_at is not None
    }
    capped = {group: row.max_running for group, row in rows.items() if row.max_running is not None}
    run = running_of_groups(connection, tenant_id, capped) if capped else {}
    room = {g: cap - run.get(g, 0) - taken.get(g, 0) for g, cap in capped.items()}
    at_cap = {
        group: _full(_name_of(group), capped[group]) for group, left in room.items() if left <= 0
    }
    return Eligible(
        {**at_cap, **left_out}, {group: left for group, left in room.items() if left > 0}
    )


def locked_caps(
    connection: Connection, tenant_ids: Collection[UUID]
) -> tuple[dict[UUID, int], dict[tuple[UUID, str], int]]:
    """How many more jobs may run of each of these tenants that has a cap, and of each of their
    groups that has one; no other claim starts any of theirs until the commit.

    Counted after the lock, and so with all that other accounts' claims have started meanwhile.
    """
    # Always in one order: two claims that each wait for the other's tenant would be a deadlock.
    # Not the plain FOR UPDATE: every submit of the tenant would wait, whose job refers to the row.
    rows = connection.execute(
        select(tenants.c.id, tenants.c.max_running)
        .where(tenants.c.id.in_(tenant_ids))
        .order_by(tenants.c.id)
        .with_for_update(key_share=True)
    ).all()
    of_whole = _room(connection, [row for row in rows if row.max_running is not None])
    groups = connection.execute(
        select(
            tenant_groups.c.tenant_id, tenant_groups.c.group_name, tenant_groups.c.max_running
        ).where(tenant_groups.c.tenant_id.in_(tenant_ids), tenant_groups.c.max_running.is_not(None))
    ).all()
    of_group: dict[tuple[UUID, str], int] = {}
    for tenant in {row.tenant_id for row in groups}:
        mine = {row.group_name: row.max_running for row in groups if row.tenant_id == tenant}
        run = running_of_groups(connection, tenant, mine)
        of_group |= {(tenant, group): cap - run.get(group, 0) for group, cap in mine.items()}
    return of_whole, of_group


def _room(connection: Connection, capped: Sequence[Any]) -> dict[UUID, int]:
    if not capped:
        return {}
    found = connection.execute(_RUNNING, {"tenants": [row.id for row in capped]})
    run = {row.tenant_id: row.run for row in found}
    return {row.id: row.max_running - run.get(row.id, 0) for row in capped}


def running_of_groups(
    connection: Connection, tenant_id: UUID, groups: Iterable[str]
) -> dict[str, int]:
    """How many jobs of each of these groups run; those without any may be left out."""
    found = connection.execute(_RUNNING_OF_GROUPS, {"tenant": tenant_id, "groups": sorted(groups)})
    return {row.group_name: row.run for row in found}


# A fence: what stands inside is looked up by tenant and state, along the index of a tenant's jobs by
# state, and by nothing else. Put together, PostgreSQL has walked all queued jobs of a group to count
# those that run. What is counted is bounded by what runs.
_runs = jobs.c.state == literal_column(f"'{State.RUNNING}'")
_of_tenants = (
    select(jobs.c.tenant_id)
    .where(_runs, jobs.c.tenant_id.in_(bindparam("tenants", expanding=True)))
    .offset(0)
    .subquery()
)
_RUNNING = select(_of_tenants.c.tenant_id, func.count().label("run")).group_by(
    _of_tenants.c.tenant_id
)
_of_tenant = (
    select(jobs.c.group_name)
    .where(_runs, jobs.c.tenant_id == bindparam("tenant"))
    .offset(0)
    .subquery()
)
_RUNNING_OF_GROUPS = (
    select(_of_tenant.c.group_name, func.count().label("run"))
    .where(_of_tenant.c.group_name.in_(bindparam("groups", expanding=True)))
    .group_by(_of_tenant.c.group_name)
)


def _paused(what: str, row: Row[Any]) -> LeftOut:
    why = f": {row.pause_note}" if row.pause_note else ""
    return LeftOut(WaitingFor.PAUSED, f"{what} is paused by {row.paused_by}{why}")


def _full(what: str, cap: int) -> LeftOut:
    return LeftOut(WaitingFor.SLOT, f"{what} may have {cap} running at once, and has")


def _name_of(group: str) -> str:
    return f"group {group}" if group else "the group without a name"
