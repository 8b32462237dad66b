"""What requests with an Idempotency-Key were answered."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from db.engine import Database
from db.tables import idempotency_keys as keys

REMEMBERED = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it is repeated: `body` is text, `headers` those beside the type's."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Kept:
    """An answer, and the fingerprint of the request that it was given to."""

    fingerprint: str
    answer: Answer


class IdempotencyStore:
    """A tenant's keys and the answers given under them, for 24 hours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, tenant_id: UUID, key: str) -> Kept | None:
        """What was answered under this key in the last 24 hours."""
        with self._database.read() as connection:
            row = connection.execute(
                select(keys).where(
                    keys.c.tenant_id == tenant_id,
                    keys.c.key == key,
                    keys.c.created_at > self._database.after(-REMEMBERED),
                )
            ).one_or_none()
        if row is None:
            return None
        return Kept(row.fingerprint, Answer(row.status, row.headers, row.body))

    def take_turn(self, tenant_id: UUID, key: str) -> bool:
        """Be the only transaction that works under this key; False when another one does.

        To be called inside a `write`, whose end gives the turn back. SQLite has one writer anyway.
        """
        if self._database.is_sqlite:
            return True
        digest = hashlib.sha256(tenant_id.bytes + key.encode()).digest()
        name = int.from_bytes(digest[:8], signed=True)
        with self._database.write() as connection:
            return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(name))))

    def keep(self, tenant_id: UUID, key: str, kept: Kept) -> bool:
        """Keep an answer, in the `write` that did what it tells of.

        False when the key got an answer in the meantime: then nothing of this may be committed.
        """
        mine = (keys.c.tenant_id == tenant_id, keys.c.key == key)
        old = keys.c.created_at <= self._database.after(-REMEMBERED)
        try:
            with self._database.write() as connection:
                connection.execute(delete(keys).where(*mine, old))
                connection.execute(
                    insert(keys).values(
                        tenant_id=tenant_id,
                        key=key,
                        fingerprint=kept.fingerprint,
                        status=kept.answer.status,
                        headers=kept.answer.headers,
                        body=kept.answer.body,
                        created_at=self._database.now,
                    )
                )
        except IntegrityError:
            if self.get(tenant_id, key) is None:
                raise
            return False
        return True

    def forget_old(self, limit: int) -> int:
        """Delete up to `limit` answers that are older than 24 hours; returns how many."""
        with self._database.write() as connection:
            # As a value: compared with the clock itself, which moves, no index would serve.
            end = self._database.time(connection) - REMEMBERED
            old = (
                select(keys.c.tenant_id, keys.c.key)
                .where(keys.c.created_at <= end)
                .order_by(keys.c.created_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            return connection.execute(
                delete(keys).where(tuple_(keys.c.tenant_id, keys.c.key).in_(old))
            ).rowcount
