"""A job's tags as rows, so that jobs are found by them."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, delete, insert

from db.tables import job_tags


def tag(connection: Connection, tenant_id: UUID, job_id: UUID, tags: Collection[str]) -> None:
    """Give a job that has none these tags; one that stands twice is one row."""
    rows = [{"job_id": job_id, "tag": one, "tenant_id": tenant_id} for one in dict.fromkeys(tags)]
    if rows:
        connection.execute(insert(job_tags), rows)


def untag(connection: Connection, job_id: UUID) -> None:
    """Take all tags from a job."""
    connection.execute(delete(job_tags).where(job_tags.c.job_id == job_id))
