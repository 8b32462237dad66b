"""Rows of `accounts` as values, and what may keep an account from a call."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Row,
    String,
    Uuid,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    select,
    union_all,
)

from db.account_values import Account, Change, KeySource, Learned
from db.among import one_of
from db.budget_gate import passing
from db.engine import Database
from db.ids import new_id
from db.tables import accounts, attempts, budgets, model_pauses, tenant_groups, tenants
from jobs.account_pauses import PauseReason
from jobs.budgets import OF_CLAIMS
from jobs.catalog import Transport
from jobs.credits import Reading
from jobs.money import Money


def locked(connection: Connection, account_id: UUID) -> Account:
    """The account, its row locked until the commit."""
    # Not the plain FOR UPDATE: that would make every claim wait, whose attempt refers to the row.
    row = connection.execute(
        select(accounts).where(accounts.c.id == account_id).with_for_update(key_share=True)
    ).one()
    return account_of(row)


def locked_at(
    connection: Connection, account_id: UUID, database: Database
) -> tuple[Account, datetime]:
    """`locked`, and the database's time, in one trip; the time is from before a wait for the lock.

    What follows is behind the gate of budgets.
    """
    if database.is_sqlite:
        return locked(connection, account_id), database.time(connection)
    row = connection.execute(
        select(accounts, database.now.label("at"), *passing(database))
        .where(accounts.c.id == account_id)
        .with_for_update(key_share=True)
    ).one()
    return account_of(row), row.at


def account_of(row: Row[Any]) -> Account:
    """An `accounts` row as a value."""
    read = row.credits is not None
    return Account(
        id=row.id,
        pool=row.pool,
        name=row.name,
        call_limit=row.call_limit,
        window_seconds=row.window_seconds,
        credits=Reading(Money(row.credits), row.credits_sent_at, row.credits_arrived_at)
        if read
        else None,
        paused_for=PauseReason(row.paused_for) if row.paused_for else None,
        limited_until=row.limited_until,
        paused_at=row.paused_at,
        resumed_at=row.resumed_at,
        pause_message=row.pause_message,
        transport=Transport(row.transport) if row.transport else None,
        key_source=KeySource(row.key_source) if row.key_source else None,
        key_fingerprint=row.key_fingerprint,
        key_trouble=row.key_trouble,
        key_changed_at=row.key_changed_at,
        limit_by_hand=row.limit_by_hand,
        removed_at=row.removed_at,
        changed=_change_of(row) if row.changed_at else None,
        changed_at=row.changed_at,
        limit_auto=row.limit_auto,
        learned=Learned(row.learned_limit, row.good_limit, row.learned_revision)
        if row.learned_limit is not None
        else None,
        window_kind=row.window_kind,
    )


def note(change: Change | None, database: Database) -> dict[str, Any]:
    """The columns that say what an operator has changed, to be written with the change; None: none."""
    if change is None:
        return {}
    return {
        "changed_at": database.now,
        "changed_what": change.what,
        "changed_by": change.by,
        "changed_why": change.why or None,
    }


def insert_account(
    connection: Connection, database: Database, pool: str, name: str, **values: Any
) -> Row[Any]:
    """The row of an account that is new in its pool. The caller holds its name."""
    return connection.execute(
        insert(accounts)
        .values(id=new_id(), pool=pool, name=name, created_at=database.now, **values)
        .returning(accounts)
    ).one()


def of_key(source: KeySource, fingerprint: str) -> dict[str, Any]:
    """The columns of an account that has a key of this fingerprint, and is in its pool."""
    return {
        "key_source": source,
        "key_fingerprint": fingerprint,
        "key_trouble": None,
        "removed_at": None,
    }


def since_another_key(fingerprint: str, database: Database) -> dict[str, Any]:
    """To be written with `of_key` over a row that is there: when it came to another key, if now."""
    is_another = accounts.c.key_fingerprint.is_distinct_from(fingerprint)
    return {"key_changed_at": case((is_another, database.now), else_=accounts.c.key_changed_at)}


def _change_of(row: Row[Any]) -> Change:
    return Change(row.changed_what, row.changed_by, row.changed_why or "")


def committed(connection: Connection, account_id: UUID) -> Money:
    """What running and in-doubt calls of the account may still cost."""
    return Money(int(connection.scalar(_OPEN_CALLS, {"account": account_id}) or 0))


@dataclass(frozen=True)
class Hindrances:
    """What may keep an account from some calls: what its open calls may still cost, models that it
    may not call, tenants that pause, and groups of tenants that do. `budgeted`: whether any of the
    tenants has a budget that claims reserve of.
    """

    committed: Money
    budgeted: bool
    models: frozenset[str]
    tenants: frozenset[UUID]
    groups: frozenset[tuple[UUID, str]]


def hindrances(
    connection: Connection, account_id: UUID, tenant_ids: Collection[UUID]
) -> Hindrances:
    """Of the account, and of these tenants and their groups; all in one trip."""
    sqlite = connection.dialect.name == "sqlite"
    at = {"account": account_id, "tenants": list(tenant_ids)}
    rows = connection.execute(_HINDRANCES[sqlite], at).all()
    places = [(row.tenant_id, row.group_name) for row in rows if row.tenant_id is not None]
    return Hindrances(
        committed=Money(sum(int(row.price) for row in rows)),
        budgeted=any(row.budgeted for row in rows),
        models=frozenset(row.model for row in rows if row.model is not None),
        tenants=frozenset(tenant for tenant, group in places if group is None),
        groups=frozenset((tenant, group) for tenant, group in places if group is not None),
    )


_OPEN_CALLS = select(func.coalesce(func.sum(attempts.c.estimate), 0).label("price")).where(
    attempts.c.account_id == bindparam("account", type_=Uuid), attempts.c.finished_at.is_(None)
)
_NO_TEXT, _NO_ID = cast(null(), String), cast(null(), Uuid)


def _hindrances(*, sqlite: bool) -> CompoundSelect[Any]:
    return union_all(
        _OPEN_CALLS.add_columns(
            exists()
            .where(
                one_of(budgets.c.tenant_id, "tenants", sqlite=sqlite),
                budgets.c.period.in_(list(OF_CLAIMS)),
            )
            .label("budgeted"),
            _NO_TEXT.label("model"),
            _NO_ID.label("tenant_id"),
            _NO_TEXT.label("group_name"),
        ),
        select(literal(0), false(), model_pauses.c.model, _NO_ID, _NO_TEXT).where(
            model_pauses.c.account_id == bindparam("account", type_=Uuid),
            model_pauses.c.resumed_at.is_(None),
        ),
        select(literal(0), false(), _NO_TEXT, tenants.c.id, _NO_TEXT).where(
            one_of(tenants.c.id, "tenants", sqlite=sqlite), tenants.c.paused_at.is_not(None)
        ),
        select(
            literal(0), false(), _NO_TEXT, tenant_groups.c.tenant_id, tenant_groups.c.group_name
        ).where(
            one_of(tenant_groups.c.tenant_id, "tenants", sqlite=sqlite),
            tenant_groups.c.paused_at.is_not(None),
        ),
    )


_HINDRANCES = {sqlite: _hindrances(sqlite=sqlite) for sqlite in (True, False)}
