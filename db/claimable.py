"""How many jobs may be claimed: for so many are tickets put, and for no other."""

from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, true, tuple_

from db.tables import jobs, tenant_groups
from db.turns import IN_ORDER, Groups, Tenants, in_order


def claimable(connection: Connection, pool: str, limit: int) -> int:
    """How many jobs of the pool may be claimed, counted up to `limit`.

    Where somebody is left out or has a cap, each of the others is counted by itself, so that no row
    is stepped over; and a tenant of whose groups something is said, group by group.
    """
    tenants = Tenants(connection, pool)
    members = list(tenants)
    by_group = set(connection.scalars(_WITH_GROUPS)) if members else set()
    if not by_group and not tenants.left_out and all(room is None for _, room in members):
        return _count(connection, pool, limit, true())
    found = 0
    for member, room in members:
        if found >= limit:
            break
        tenant, most = UUID(member), _least(limit - found, room)
        if tenant in by_group:
            found += _of_groups(connection, pool, tenant, most)
        else:
            found += _count(connection, pool, most, jobs.c.tenant_id == tenant)
    return found


def _of_groups(connection: Connection, pool: str, tenant: UUID, limit: int) -> int:
    found, above = 0, -1
    taken: dict[str, int] = {}
    while found < limit:
        groups = Groups.of(connection, pool, tenant, above, taken)
        if groups is None:
            break
        above = groups.priority
        for group, room in groups:
            # As a row: see db/order_looks.py.
            place = tuple_(jobs.c.priority, jobs.c.group_name)
            here = tuple_(above, group)
            mine = (jobs.c.tenant_id == tenant) & (place >= here) & (place <= here)
            some = _count(connection, pool, _least(limit - found, room), mine)
            taken[group] = taken.get(group, 0) + some
            found += some
    return found


def _count(connection: Connection, pool: str, limit: int, mine: ColumnElement[bool]) -> int:
    some = (
        select(jobs.c.id)
        .where(jobs.c.pool == pool, *in_order(), mine)
        .order_by(*IN_ORDER)
        .limit(limit)
        .subquery()
    )
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _least(most: int, room: int | None) -> int:
    return most if room is None else min(most, room)


_WITH_GROUPS = (
    select(tenant_groups.c.tenant_id)
    .where(or_(tenant_groups.c.max_running.is_not(None), tenant_groups.c.paused_at.is_not(None)))
    .distinct()
)
