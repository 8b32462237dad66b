"""Which uploaded images jobs may still need: a row for each, from the submit until it is let go.

An image that no row names is removed when its time has passed (db/upload_removals.py). Whoever
submits a job locks its images against that, so that the job has them or is refused.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, case, delete, insert, or_, select, update

from db.among import among
from db.engine import Database
from db.rows import Job, NewJob
from db.tables import inputs, job_uploads
from jobs.catalog.inputs import INPUT_SCHEME, shown
from jobs.catalog.references import uploads_of
from jobs.errors import FieldProblem, InvalidInput

Upload = tuple[UUID, str]
"""An uploaded image: its tenant and its SHA-256."""


class HeldUploads:
    """Its verb is for the inside of a `write`, whose commit keeps the jobs too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, connection: Connection, new: Sequence[NewJob]) -> frozenset[Upload]:
        """Let none of the images that these jobs refer to be removed until the commit; gives those
        that are no longer kept, or never were.

        Asks nothing where no job refers to any. Locked before queues and budgets, and in one order;
        whoever removes images steps over those that others have locked.
        """
        wanted = {(job.tenant_id, one) for job in new for one in _of(job)}
        if not wanted:
            return frozenset()
        rows = connection.execute(
            select(inputs.c.tenant_id, inputs.c.sha256)
            .where(
                among(self._database, inputs.c.tenant_id, "tenants"),
                among(self._database, inputs.c.sha256, "images"),
                inputs.c.removed_at.is_(None),
            )
            .order_by(inputs.c.tenant_id, inputs.c.sha256)
            # The weakest that a removal waits for: submits with the same image do not wait.
            .with_for_update(read=True, key_share=True),
            {
                "tenants": sorted({tenant for tenant, _ in wanted}),
                "images": sorted({one for _, one in wanted}),
            },
        )
        return frozenset(wanted.difference((row.tenant_id, row.sha256) for row in rows))


def refusal_of(new: NewJob, lacking: Collection[Upload]) -> InvalidInput | None:
    """Why a job is not let in, some of whose images are among the `lacking`; None: none of them is."""
    problems = [
        FieldProblem(
            f"input.{name}",
            "refers to no image of yours that is kept; upload it with POST /api/v1/inputs",
            shown(f"{INPUT_SCHEME}{sha256}"),
        )
        for name, sha256 in uploads_of(new.model, new.input).items()
        if (new.tenant_id, sha256) in lacking
    ]
    return InvalidInput(problems) if problems else None


def refer(connection: Connection, added: Iterable[Job]) -> None:
    """Note which images new jobs need."""
    rows = [
        {"job_id": job.id, "sha256": one, "tenant_id": job.tenant_id}
        for job in added
        for one in _of(job)
    ]
    if rows:
        connection.execute(insert(job_uploads), rows)


def let_go(
    connection: Connection, database: Database, tenant_id: UUID, ended: Mapping[UUID, datetime]
) -> None:
    """These jobs of a tenant need their images no more, by the time at which each has ended.

    The images may be needed by nobody since then, at the latest. Whether that is so is looked at
    when they are to be removed, so that many jobs of one image do not each count the others.
    """
    freed = connection.execute(
        delete(job_uploads)
        .where(among(database, job_uploads.c.job_id, "ids"))
        .returning(job_uploads.c.job_id, job_uploads.c.sha256),
        {"ids": list(ended)},
    ).all()
    since: dict[str, datetime] = {}
    for row in freed:
        since[row.sha256] = max(ended[row.job_id], since.get(row.sha256, ended[row.job_id]))
    # One after the other in one order: two that each wait for the other's image would be a deadlock.
    for sha256, moment in sorted(since.items()):
        unused = inputs.c.unused_since
        connection.execute(
            update(inputs)
            .where(inputs.c.tenant_id == tenant_id, inputs.c.sha256 == sha256)
            .values(
                # Of an image that was uploaded again meanwhile that counts.
                unused_since=case((or_(unused.is_(None), unused < moment), moment), else_=unused)
            )
        )


def _of(job: NewJob | Job) -> list[str]:
    found: Mapping[str, Any] = uploads_of(job.model, job.input)
    return sorted(set(found.values()))
