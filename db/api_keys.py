"""API keys. A key is shown once, when it is made; only its digest is kept."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select, update

from db.engine import Database
from db.ids import new_id
from db.tables import api_keys, tenants
from jobs import scopes
from jobs.errors import NotFound
from jobs.scopes import Scope

KEY_PREFIX = "segq_"
_SHOWN = 8


@dataclass(frozen=True)
class Opened:
    """Whom a key opens, what it may do there, and how it is called in what it does."""

    tenant_id: UUID
    scopes: frozenset[Scope]
    label: str


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key. `fingerprint`: the first digits of its digest; `ending`: the key's
    last four characters, which no key from before they were kept has.
    """

    id: UUID
    tenant: str
    label: str
    scopes: frozenset[Scope]
    fingerprint: str
    ending: str | None
    created_at: datetime
    revoked_at: datetime | None


class KeyStore:
    """Keys of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, tenant_id: UUID, allowed: frozenset[Scope], label: str) -> tuple[str, ApiKey]:
        """A new key that opens the tenant, and what is kept of it."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        with self._database.write() as connection:
            insert_key(connection, self._database, tenant_id, key, label, allowed)
            return key, _key(connection.execute(_ALL.where(api_keys.c.digest == digest(key))).one())

    def all(self) -> list[ApiKey]:
        """Every key, revoked ones too, the oldest first."""
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(_ALL.order_by(api_keys.c.id))]

    def revoke(self, key_id: UUID) -> ApiKey:
        """Let a key open nothing from now on (gateways believe it 3 s longer); twice is once.

        Raises `NotFound`.
        """
        with self._database.write() as connection:
            connection.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=self._database.now)
            )
            row = connection.execute(_ALL.where(api_keys.c.id == key_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no key {key_id}")
        return _key(row)

    def opened_by(self, key: str) -> Opened | None:
        """Whom a key opens; None for an unknown or revoked one."""
        with self._database.read() as connection:
            row = connection.execute(
                select(api_keys.c.tenant_id, api_keys.c.scopes, api_keys.c.label).where(
                    api_keys.c.digest == digest(key), api_keys.c.revoked_at.is_(None)
                )
            ).one_or_none()
        return row and Opened(row.tenant_id, _scopes(row.scopes), row.label)


def insert_key(
    connection: Connection,
    database: Database,
    tenant_id: UUID,
    key: str,
    label: str,
    allowed: Iterable[Scope],
) -> None:
    """Keep what is kept of a key; its digest must be new."""
    connection.execute(
        insert(api_keys).values(
            id=new_id(),
            tenant_id=tenant_id,
            digest=digest(key),
            label=label,
            scopes=scopes.written(allowed),
            ending=key[-4:],
            created_at=database.now,
        )
    )


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


_ALL = select(api_keys, tenants.c.name.label("tenant")).join(
    tenants, tenants.c.id == api_keys.c.tenant_id
)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        tenant=row.tenant,
        label=row.label,
        scopes=_scopes(row.scopes),
        fingerprint=row.digest[:_SHOWN],
        ending=row.ending,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


def _scopes(text: str) -> frozenset[Scope]:
    # A scope that a later version has is none here.
    return frozenset(Scope(one) for one in text.split(",") if one in set(Scope))
