"""Tenants, and groups of tenants, that somebody has stopped by hand.

Their jobs stay `queued`, submits go on, and calls that have been claimed are let finish. Accounts and
models are paused on their own rows (`db/pauses.py`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update

from db.engine import Database
from db.tables import tenant_groups, tenants
from db.upserts import upsert
from jobs.errors import FieldProblem, InvalidInput, NotAllowed
from jobs.limits import complaint_of_group
from jobs.scopes import Scope


@dataclass(frozen=True)
class HandPause:
    """Since when, by whom, and why in his words. `by_admin`: then its tenant cannot end it."""

    since: datetime
    by: str
    note: str
    by_admin: bool


@dataclass(frozen=True)
class Who:
    """Somebody who pauses or resumes; `is_admin`: what others of the tenant may not undo."""

    name: str
    is_admin: bool


OPERATOR = Who("operator", is_admin=True)
"""Whoever has the database's URL."""


@dataclass(frozen=True)
class PausedPlace:
    """A tenant that pauses, or a group of it."""

    tenant: str
    group: str | None
    pause: HandPause


class HandPauses:
    """A claim that commits after a pause has taken none of the tenant's or the group's jobs, but
    for one that was in its last statement.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def pause(self, tenant_id: UUID, group: str | None, who: Who, note: str) -> HandPause:
        """Let no call of the tenant, or of its one group, be claimed; gives the pause that holds.

        One that is there stays, with its moment and its reason, but an admin's takes the place of
        another's. Raises `InvalidInput` for what no group can be called.
        """
        if group is not None:
            refuse_group(group)
        with self._database.write() as connection:
            there = self._locked(connection, tenant_id, group)
            if there is not None and (there.by_admin or not who.is_admin):
                return there
            now = self._database.time(connection)
            self._set(
                connection,
                tenant_id,
                group,
                {
                    "paused_at": now,
                    "paused_by": who.name,
                    "pause_note": note,
                    "paused_by_admin": who.is_admin,
                },
            )
            return HandPause(now, who.name, note, who.is_admin)

    def resume(self, tenant_id: UUID, group: str | None, who: Who) -> bool:
        """End the pause; whether there was one. Raises `NotAllowed` for an admin's pause."""
        with self._database.write() as connection:
            there = self._locked(connection, tenant_id, group)
            if there is None:
                return False
            if there.by_admin and not who.is_admin:
                raise NotAllowed(Scope.ADMIN, f"ending a pause of {there.by}")
            self._set(connection, tenant_id, group, _ENDED)
            return True

    def end_own(self, tenant_id: UUID, group: str | None, who: Who) -> None:
        """End the pause if it is the one that `who` has begun; anybody else's stays."""
        with self._database.write() as connection:
            there = self._locked(connection, tenant_id, group)
            if there is not None and Who(there.by, there.by_admin) == who:
                self._set(connection, tenant_id, group, _ENDED)

    def all(self, tenant_id: UUID | None = None) -> list[PausedPlace]:
        """What pauses, of one tenant or of all, by name; a tenant before its groups."""
        whole = select(tenants).where(tenants.c.paused_at.is_not(None))
        part = (
            select(tenant_groups, tenants.c.name)
            .join(tenants, tenants.c.id == tenant_groups.c.tenant_id)
            .where(tenant_groups.c.paused_at.is_not(None))
        )
        if tenant_id is not None:
            whole = whole.where(tenants.c.id == tenant_id)
            part = part.where(tenants.c.id == tenant_id)
        with self._database.read() as connection:
            found = [_place(row, None) for row in connection.execute(whole)]
            found += [_place(row, row.group_name) for row in connection.execute(part)]
        return sorted(found, key=lambda one: (one.tenant, one.group is not None, one.group or ""))

    def _locked(
        self, connection: Connection, tenant_id: UUID, group: str | None
    ) -> HandPause | None:
        # The tenant's row, of a group too: the group may have none yet. Not the plain FOR UPDATE:
        # every submit of the tenant would wait, whose job refers to the row.
        mine = select(tenants).where(tenants.c.id == tenant_id).with_for_update(key_share=True)
        row = connection.execute(mine).one_or_none()
        if group is not None:
            row = connection.execute(
                select(tenant_groups).where(
                    tenant_groups.c.tenant_id == tenant_id, tenant_groups.c.group_name == group
                )
            ).one_or_none()
        return None if row is None else hand_pause_of(row)

    def _set(
        self, connection: Connection, tenant_id: UUID, group: str | None, values: dict[str, Any]
    ) -> None:
        if group is None:
            connection.execute(update(tenants).where(tenants.c.id == tenant_id).values(values))
        else:
            place = {"tenant_id": tenant_id, "group_name": group}
            upsert(connection, tenant_groups, place, values)


_ENDED = {"paused_at": None, "paused_by": None, "pause_note": None, "paused_by_admin": False}


def hand_pause_of(row: Row[Any]) -> HandPause | None:
    """The pause that a row of `tenants` or `tenant_groups` tells of; None: there is none."""
    if row.paused_at is None:
        return None
    return HandPause(row.paused_at, row.paused_by, row.pause_note or "", row.paused_by_admin)


def _place(row: Row[Any], group: str | None) -> PausedPlace:
    found = hand_pause_of(row)
    if found is None:
        raise ValueError("the row tells of no pause")
    return PausedPlace(row.name, group, found)


def refuse_group(name: str) -> None:
    """Raises `InvalidInput` for what no group can be called: nothing would be said of any job's."""
    if wrong := complaint_of_group(name):
        raise InvalidInput([FieldProblem("group", wrong, f"{name[:40]}…")])
