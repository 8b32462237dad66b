"""Uploaded images: kept once per tenant and content, as long as their tenant wants (jobs/retention.py)."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.engine import Database
from db.rows import Input
from db.tables import inputs


class InputStore:
    """The rows of uploaded images; their bytes are in the artifact store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: Input) -> bool:
        """Note an image whose bytes are already kept. The same content again is used anew.

        False, and nothing is noted, where its row says that one of this generation was removed: its
        bytes may be gone any moment.
        """
        if self.renew(new.tenant_id, new.sha256) is not None:
            return True
        now = self._database.now
        row = {**vars(new), "created_at": now, "unused_since": now}
        try:
            with self._database.write() as connection:
                again = connection.execute(
                    update(inputs)
                    .where(
                        _is(new.tenant_id, new.sha256),
                        inputs.c.removed_at.is_not(None),
                        inputs.c.generation < new.generation,
                    )
                    .values({**row, "removed_at": None})
                )
                if not again.rowcount:
                    connection.execute(insert(inputs).values(row))
        except IntegrityError:
            # Someone uploaded the same image between the look and the insert, or it was removed.
            return self.get(new.tenant_id, new.sha256) is not None
        return True

    def get(self, tenant_id: UUID, sha256: str) -> Input | None:
        """The tenant's image of this hash; None also where only another tenant has it, and where it
        was removed.
        """
        with self._database.read() as connection:
            row = connection.execute(
                select(inputs).where(_is(tenant_id, sha256), inputs.c.removed_at.is_(None))
            ).one_or_none()
        return None if row is None else _input(row)

    def renew(self, tenant_id: UUID, sha256: str) -> Input | None:
        """`get`, and from now on it is kept as long as one that was uploaded just now."""
        with self._database.write() as connection:
            row = connection.execute(
                update(inputs)
                .where(_is(tenant_id, sha256), inputs.c.removed_at.is_(None))
                .values(unused_since=self._database.now)
                .returning(inputs)
            ).one_or_none()
        return None if row is None else _input(row)

    def next_generation(self, tenant_id: UUID, sha256: str) -> int:
        """Of an image that is not kept: which one it will be. The bytes of none before are its own."""
        with self._database.read() as connection:
            row = connection.execute(
                select(inputs.c.generation, inputs.c.removed_at).where(_is(tenant_id, sha256))
            ).one_or_none()
        if row is None:
            return 0
        # Somebody may have uploaded it by now.
        return int(row.generation) + (row.removed_at is not None)


def _is(tenant_id: UUID, sha256: str) -> ColumnElement[bool]:
    return (inputs.c.tenant_id == tenant_id) & (inputs.c.sha256 == sha256)


def _input(row: Row[Any]) -> Input:
    return Input(**{one.name: getattr(row, one.name) for one in fields(Input)})
