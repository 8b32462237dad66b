"""What requests with an Idempotency-Key were answered."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, bindparam, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from db.among import among
from db.engine import Database
from db.tables import idempotency_keys as keys

REMEMBERED = timedelta(hours=24)

Name = tuple[UUID, str]
"""A key is its tenant's own."""
_LOCK = func.unnest(bindparam("locks", type_=ARRAY(BigInteger))).column_valued("lock")
_TURNS = select(_LOCK, func.pg_try_advisory_xact_lock(_LOCK))
_NEW = ("fingerprint", "status", "headers", "body", "created_at")


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
        # Each column by itself, which the primary key serves; other pairs of them are left out.
        self._of_names = select(keys).where(
            among(database, keys.c.tenant_id, "tenants"),
            among(database, keys.c.key, "keys"),
            keys.c.created_at > database.after(-REMEMBERED),
        )
        insert = (sqlite if database.is_sqlite else postgresql).insert(keys)
        # An answer that is older than 24 hours gives way to the new one; a younger one does not.
        self._put = (
            insert.values(created_at=database.now)
            .on_conflict_do_update(
                index_elements=[keys.c.tenant_id, keys.c.key],
                set_={name: insert.excluded[name] for name in _NEW},
                where=keys.c.created_at <= database.after(-REMEMBERED),
            )
            .execution_options(preserve_rowcount=True)
        )

    def get(self, tenant_id: UUID, key: str) -> Kept | None:
        """What was answered under this key in the last 24 hours."""
        return self.get_many([(tenant_id, key)]).get((tenant_id, key))

    def get_many(self, names: Sequence[Name]) -> dict[Name, Kept]:
        """What was answered under these keys in the last 24 hours, where anything was."""
        if not names:
            return {}
        asked = {
            "tenants": list({tenant for tenant, _ in names}),
            "keys": [key for _, key in names],
        }
        with self._database.read() as connection:
            rows = connection.execute(self._of_names, asked).all()
        found = {
            (row.tenant_id, row.key): Kept(
                row.fingerprint, Answer(row.status, row.headers, row.body)
            )
            for row in rows
        }
        return {name: found[name] for name in names if name in found}

    def take_turn(self, tenant_id: UUID, key: str) -> bool:
        """Be the only transaction that works under this key; False when another one does.

        To be called inside a `write`, whose end gives the turn back.
        """
        return bool(self.take_turns([(tenant_id, key)]))

    def take_turns(self, names: Sequence[Name]) -> set[Name]:
        """`take_turn` for many at once: those whose turn it is. Waits for none of the others."""
        # SQLite has one writer anyway.
        if self._database.is_sqlite or not names:
            return set(names)
        by_lock = {_lock_of(name): name for name in names}
        with self._database.write(savepoint=False) as connection:
            taken = connection.execute(_TURNS, {"locks": list(by_lock)}).all()
        return {by_lock[lock] for lock, is_ours in taken if is_ours}

    def keep(self, tenant_id: UUID, key: str, kept: Kept) -> bool:
        """Keep an answer, in the `write` that did what it tells of.

        False when the key got an answer in the meantime: then nothing of this may be committed.
        """
        return self.keep_many({(tenant_id, key): kept})

    def keep_many(self, answers: Mapping[Name, Kept]) -> bool:
        """`keep` for many at once; False when any of the keys got an answer in the meantime."""
        if not answers:
            return True
        rows = [
            {
                "tenant_id": tenant_id,
                "key": key,
                "fingerprint": kept.fingerprint,
                "status": kept.answer.status,
                "headers": kept.answer.headers,
                "body": kept.answer.body,
            }
            for (tenant_id, key), kept in answers.items()
        ]
        with self._database.write(savepoint=False) as connection:
            return connection.execute(self._put, rows).rowcount == len(rows)

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


def _lock_of(name: Name) -> int:
    """The advisory lock of a key: 64 bits of its hash."""
    tenant_id, key = name
    digest = hashlib.sha256(tenant_id.bytes + key.encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
