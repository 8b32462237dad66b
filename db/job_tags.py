"""A job's tags as rows, so that jobs are found by them."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection, delete, insert

from db.rows import Job
from db.tables import job_tags


def tag(connection: Connection, tagged: Iterable[Job]) -> None:
    """Give jobs that have no such rows their tags; one that stands twice is one row."""
    rows = [
        {"job_id": job.id, "tag": one, "tenant_id": job.tenant_id}
        for job in tagged
        for one in dict.fromkeys(job.tags)
    ]
    if rows:
        connection.execute(insert(job_tags), rows)


def untag(connection: Connection, job_id: UUID) -> None:
    """Take all tags from a job."""
    connection.execute(delete(job_tags).where(job_tags.c.job_id == job_id))
