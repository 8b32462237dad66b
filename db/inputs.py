"""Uploaded images: kept once per tenant and content."""

from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from db.engine import Database
from db.rows import Input
from db.tables import inputs


class InputStore:
    """The rows of uploaded images; their bytes are in the artifact store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: Input) -> None:
        """Note an image whose bytes are already kept. The same content again changes nothing."""
        if self.get(new.tenant_id, new.sha256) is not None:
            return
        row = {**vars(new), "created_at": self._database.now}
        try:
            with self._database.write() as connection:
                connection.execute(insert(inputs).values(row))
        except IntegrityError:
            # Someone uploaded the same image between the look and the insert.
            if self.get(new.tenant_id, new.sha256) is None:
                raise

    def get(self, tenant_id: UUID, sha256: str) -> Input | None:
        """The tenant's image of this hash; None also where only another tenant has it."""
        with self._database.read() as connection:
            row = connection.execute(
                select(inputs).where(inputs.c.tenant_id == tenant_id, inputs.c.sha256 == sha256)
            ).one_or_none()
        if row is None:
            return None
        return Input(
            tenant_id=row.tenant_id,
            sha256=row.sha256,
            artifact=row.artifact,
            content_type=row.content_type,
            width=row.width,
            height=row.height,
            bytes=row.bytes,
        )
