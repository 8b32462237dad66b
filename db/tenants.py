"""Tenants and their API keys. A key is shown once, when it is made; only its digest is kept."""

import hashlib
from uuid import UUID

from sqlalchemy import Connection, func, insert, select

from db.engine import Database
from db.ids import new_id
from db.tables import api_keys, tenants

DEFAULT_TENANT = "default"
KEY_PREFIX = "segq_"


class TenantStore:
    """Who may use this system."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, name: str) -> UUID:
        """The tenant of this name, made when new."""
        with self._database.write() as connection:
            return self._ensure(connection, name)

    def named(self, name: str) -> UUID | None:
        """The tenant of this name; None where there is none."""
        with self._database.read() as connection:
            return connection.scalar(select(tenants.c.id).where(tenants.c.name == name))

    def ensure_key(self, tenant: str, key: str, label: str) -> bool:
        """Let `key` open `tenant`; False, and nothing changes, when it is known already."""
        with self._database.write() as connection:
            owner = self._ensure(connection, tenant)
            known = connection.scalar(select(api_keys.c.id).where(api_keys.c.digest == digest(key)))
            if known is None:
                connection.execute(
                    insert(api_keys).values(
                        id=new_id(),
                        tenant_id=owner,
                        digest=digest(key),
                        label=label,
                        created_at=self._database.now,
                    )
                )
            return known is None

    def of_key(self, key: str) -> UUID | None:
        """The tenant whom a key opens; None for an unknown or revoked key."""
        with self._database.read() as connection:
            return connection.scalar(
                select(api_keys.c.tenant_id).where(
                    api_keys.c.digest == digest(key), api_keys.c.revoked_at.is_(None)
                )
            )

    def _ensure(self, connection: Connection, name: str) -> UUID:
        if not self._database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
        found = connection.scalar(select(tenants.c.id).where(tenants.c.name == name))
        if found is None:
            found = new_id()
            connection.execute(
                insert(tenants).values(id=found, name=name, created_at=self._database.now)
            )
        return found


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
