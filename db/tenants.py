"""Tenants: who may use this system, and how much of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from db.api_keys import digest, insert_key
from db.engine import Database
from db.hand_pauses import HandPause, hand_pause_of, refuse_group
from db.ids import new_id
from db.queue_room import set_cap
from db.tables import api_keys, tenant_groups, tenant_queues, tenants
from db.upserts import upsert
from jobs import scopes
from jobs.errors import FieldProblem, InvalidInput, NotFound
from jobs.limits import complaint_of_limit, complaint_of_name
from jobs.scopes import Scope

DEFAULT_TENANT = "default"


@dataclass(frozen=True)
class Tenant:
    """A tenant as its rows say; a cap that is None bounds nothing."""

    id: UUID
    name: str
    weight: int
    max_queued: int | None
    max_running: int | None
    pause: HandPause | None
    created_at: datetime
    keep_outputs: int | None = None
    """Seconds after a job's end; 0: for ever; None: as the environment says."""
    keep_jobs: int | None = None


@dataclass(frozen=True)
class TenantGroup:
    """A group of which more is said than its jobs say."""

    name: str
    max_running: int | None
    pause: HandPause | None


class Limits(TypedDict, total=False):
    """What is to change of a tenant; a member that is not there stays. Bounds: `jobs.limits`."""

    weight: int
    max_queued: int | None
    max_running: int | None
    keep_outputs: int | None
    keep_jobs: int | None


class TenantStore:
    """Tenants are found by their names, which are unique."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, name: str) -> UUID:
        """The tenant of this name, made when new."""
        with self._database.write() as connection:
            return self._ensure(connection, name)

    def ensure_key(
        self, tenant: str, key: str, label: str, allowed: frozenset[Scope] = scopes.USUAL
    ) -> bool:
        """Let `key` open `tenant`; False, and nothing changes, when it is known already."""
        with self._database.write() as connection:
            owner = self._ensure(connection, tenant)
            known = connection.scalar(select(api_keys.c.id).where(api_keys.c.digest == digest(key)))
            if known is None:
                insert_key(connection, self._database, owner, key, label, allowed)
            return known is None

    def create(self, name: str) -> Tenant:
        """A new tenant. Raises `InvalidInput` for a name that cannot be one, or is taken."""
        wrong = complaint_of_name(name)
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                _lock_name(connection, name)
            if not wrong and connection.scalar(select(tenants.c.id).where(tenants.c.name == name)):
                wrong = "is the name of another tenant"
            if wrong:
                raise InvalidInput([FieldProblem("name", wrong, name)])
            self._ensure(connection, name)
            return _one(connection, name)

    def all(self) -> list[Tenant]:
        """Every tenant, by name."""
        with self._database.read() as connection:
            return [_tenant(row) for row in connection.execute(_ALL.order_by(tenants.c.name))]

    def named(self, name: str) -> Tenant:
        """The tenant of this name; raises `NotFound`."""
        with self._database.read() as connection:
            return _one(connection, name)

    def get(self, tenant_id: UUID) -> Tenant:
        """The tenant; it must exist."""
        with self._database.read() as connection:
            return _tenant(connection.execute(_ALL.where(tenants.c.id == tenant_id)).one())

    def groups(self, tenant_id: UUID) -> list[TenantGroup]:
        """Groups that have a cap or pause, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(tenant_groups)
                .where(tenant_groups.c.tenant_id == tenant_id)
                .order_by(tenant_groups.c.group_name)
            ).all()
        found = [TenantGroup(row.group_name, row.max_running, hand_pause_of(row)) for row in rows]
        return [one for one in found if one.max_running is not None or one.pause is not None]

    def set_limits(self, name: str, limits: Limits) -> Tenant:
        """Change what is given, from the next submit and claim on.

        What waits or runs beyond a cap stays. Raises `NotFound`, and `InvalidInput` for what is out
        of its bounds.
        """
        _check(**limits)
        with self._database.write() as connection:
            tenant = _one(connection, name)
            own: dict[str, Any] = {
                column: value for column, value in limits.items() if column != "max_queued"
            }
            if own:
                connection.execute(update(tenants).where(tenants.c.id == tenant.id).values(own))
            if "max_queued" in limits:
                set_cap(connection, tenant.id, limits["max_queued"])
            return _one(connection, name)

    def set_group_cap(self, name: str, group: str, max_running: int | None) -> None:
        """How many jobs of a tenant's group may run at once. Raises as `set_limits` does."""
        _check(max_running=max_running)
        refuse_group(group)
        with self._database.write() as connection:
            place = {"tenant_id": _one(connection, name).id, "group_name": group}
            upsert(connection, tenant_groups, place, {"max_running": max_running})

    def _ensure(self, connection: Connection, name: str) -> UUID:
        if not self._database.is_sqlite:
            _lock_name(connection, name)
        found = connection.scalar(select(tenants.c.id).where(tenants.c.name == name))
        if found is None:
            found = new_id()
            connection.execute(
                insert(tenants).values(id=found, name=name, created_at=self._database.now)
            )
        return found


_ALL: Select[Any] = select(tenants, tenant_queues.c.max_queued).outerjoin(
    tenant_queues, tenant_queues.c.tenant_id == tenants.c.id
)


def _lock_name(connection: Connection, name: str) -> None:
    # Two that make it at once must not both insert; SQLite's writer is alone anyway.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))


def _check(**limits: int | None) -> None:
    wrong = [
        FieldProblem(name, complaint, str(value))
        for name, value in limits.items()
        if value is not None and (complaint := complaint_of_limit(name, value))
    ]
    if wrong:
        raise InvalidInput(wrong)


def _one(connection: Connection, name: str) -> Tenant:
    row = connection.execute(_ALL.where(tenants.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no tenant {name}; `segq tenants list` shows those there are")
    return _tenant(row)


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(
        id=row.id,
        name=row.name,
        weight=row.weight,
        max_queued=row.max_queued,
        max_running=row.max_running,
        pause=hand_pause_of(row),
        created_at=row.created_at,
        keep_outputs=row.keep_outputs,
        keep_jobs=row.keep_jobs,
    )
