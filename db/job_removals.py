"""Data of jobs that have had their time: first their images, later all but what they cost.

Each verb is one commit and says that the data is gone; bytes are removed after it (db/removals.py).
What a job came to, its attempts' figures and the sums of budgets are never touched. Rows that others
have locked are stepped over, so two that do it at once are in nobody's way.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from db.among import among
from db.artifacts import found_key, output_key
from db.engine import Database
from db.job_uploads import let_go
from db.keeping import ended
from db.removals import Removal, write_down
from db.tables import attempts, job_tags, jobs, outputs
from jobs.catalog import MODELS
from jobs.changing import why_not_retried
from jobs.failures import FailureKind
from jobs.retention import Removed
from jobs.states import FINAL, State

_OPEN = attempts.c.finished_at.is_(None)
_BRINGS_IMAGES = (State.SUCCEEDED, FailureKind.NOT_KEPT)
"""Outcomes of attempts that may have left images which are none of the job's outputs."""


class JobRemovals:
    """Both verbs say how many jobs they have dealt with: fewer than `limit` when no more are due.

    A job that is under way or in doubt has no end and is never among them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def remove_images(
        self, tenant_id: UUID, ended_by: datetime, limit: int, batch_id: UUID | None = None
    ) -> int:
        """Let go the images of up to `limit` jobs of the tenant, or of a batch of it, that had ended
        by then.

        And the uploaded images of those that cannot be retried. A job with a call that may still
        bring an image is left out.
        """
        with self._database.write() as connection:
            rows = connection.execute(
                select(jobs.c.id, jobs.c.state, jobs.c.model, jobs.c.input, jobs.c.finished_at)
                .where(*_of(tenant_id, batch_id, Removed.NOTHING, ended_by), _has_none(_OPEN))
                .order_by(jobs.c.finished_at)
                .limit(limit)
                .with_for_update(skip_locked=True, of=jobs)
            ).all()
            if rows:
                self._remove_images(connection, tenant_id, rows)
        return len(rows)

    def remove_data(
        self, tenant_id: UUID, ended_by: datetime, limit: int, batch_id: UUID | None = None
    ) -> int:
        """Remove all of the data of up to `limit` jobs of the tenant, or of a batch of it, that had
        ended by then, and whose images are gone.

        Left out are those of which the provider's history may still be asked about a call: it is
        compared with their inputs.
        """
        with self._database.write() as connection:
            found = connection.execute(
                select(jobs.c.id)
                .where(
                    *_of(tenant_id, batch_id, Removed.IMAGES, ended_by),
                    _has_none(or_(_OPEN, attempts.c.next_look_at.is_not(None))),
                )
                .order_by(jobs.c.finished_at)
                .limit(limit)
            ).scalars()
            ids = self._locked(connection, list(found), ended_by)
            if ids:
                self._remove_data(connection, tenant_id, ids)
        return len(ids)

    def _remove_images(self, connection: Connection, tenant_id: UUID, rows: Sequence[Any]) -> None:
        now = self._database.time(connection)
        ids = {"ids": [row.id for row in rows]}
        made = connection.execute(
            select(outputs).where(among(self._database, outputs.c.job_id, "ids")), ids
        ).all()
        sizes = {one.artifact: one.bytes for one in made}
        left = dict.fromkeys(self._left_by_attempts(connection, tenant_id, rows), 0)
        all_of_it = [Removal(artifact, size) for artifact, size in {**left, **sizes}.items()]
        write_down(connection, self._database, all_of_it, now)
        had = {one.job_id for one in made}
        for some, values in (
            ([row.id for row in rows if row.id in had], {"outputs_removed_at": now}),
            ([row.id for row in rows if row.id not in had], {}),
        ):
            self._mark(connection, some, {"removed": Removed.IMAGES, **values})
        let_go(
            connection,
            self._database,
            tenant_id,
            {
                row.id: row.finished_at
                for row in rows
                if why_not_retried(row.state, has_outputs=row.id in had) is not None
            },
        )

    def _left_by_attempts(
        self, connection: Connection, tenant_id: UUID, rows: Sequence[Any]
    ) -> Iterator[str]:
        """Where attempts of these jobs may have left images, whoever died, or came too late with
        them.
        """
        samples = {row.id: _samples(row.model, row.input) for row in rows}
        for one in connection.execute(
            select(
                attempts.c.job_id, attempts.c.number, attempts.c.request_id, attempts.c.in_doubt_at
            ).where(
                among(self._database, attempts.c.job_id, "ids"),
                or_(attempts.c.outcome.in_(_BRINGS_IMAGES), attempts.c.in_doubt_at.is_not(None)),
            ),
            {"ids": list(samples)},
        ):
            for n in range(samples[one.job_id]):
                place = tenant_id, one.job_id, one.number, n
                yield output_key(*place)
                if one.in_doubt_at is not None and one.request_id is not None:
                    yield found_key(*place, hashlib.sha256(one.request_id.encode()).hexdigest())

    def _locked(
        self, connection: Connection, ids: Sequence[UUID], ended_by: datetime
    ) -> list[UUID]:
        """Those of the jobs that could be locked with all their attempts, and are still due.

        Attempts before their jobs, as everywhere, and waiting for nobody.
        """
        if not ids:
            return []
        of_jobs = among(self._database, attempts.c.job_id, "ids")
        counts = connection.execute(
            select(attempts.c.job_id, func.count().label("there"))
            .where(of_jobs)
            .group_by(attempts.c.job_id),
            {"ids": list(ids)},
        )
        missing = Counter({row.job_id: row.there for row in counts})
        missing.subtract(
            connection.execute(
                select(attempts.c.job_id)
                .where(of_jobs)
                .order_by(attempts.c.id)
                .with_for_update(skip_locked=True),
                {"ids": list(ids)},
            ).scalars()
        )
        return list(
            connection.execute(
                select(jobs.c.id)
                .where(
                    among(self._database, jobs.c.id, "ids"),
                    jobs.c.removed == Removed.IMAGES,
                    jobs.c.state.in_(FINAL),
                    jobs.c.finished_at <= ended_by,
                )
                .order_by(jobs.c.id)
                .with_for_update(skip_locked=True),
                {"ids": [one for one in ids if missing[one] <= 0]},
            ).scalars()
        )

    def _remove_data(self, connection: Connection, tenant_id: UUID, ids: Sequence[UUID]) -> None:
        now = self._database.time(connection)
        given = {"ids": list(ids)}
        rows = connection.execute(
            select(jobs.c.id, jobs.c.finished_at, jobs.c.outputs_removed_at).where(
                among(self._database, jobs.c.id, "ids")
            ),
            given,
        ).all()
        # Whose images nobody has let go: an earlier version has retried the job meanwhile.
        whole = {row.id for row in rows if row.outputs_removed_at is None}
        made = connection.execute(
            delete(outputs)
            .where(among(self._database, outputs.c.job_id, "ids"))
            .returning(outputs.c.job_id, outputs.c.artifact, outputs.c.bytes),
            given,
        ).all()
        kept = [Removal(one.artifact, one.bytes) for one in made if one.job_id in whole]
        write_down(connection, self._database, kept, now)
        connection.execute(
            delete(job_tags).where(among(self._database, job_tags.c.job_id, "ids")), given
        )
        # What Segmind has said of a call may quote its prompt.
        connection.execute(
            update(attempts)
            .where(among(self._database, attempts.c.job_id, "ids"))
            .values(message=None, looked=None),
            given,
        )
        nothing: dict[str, Any] = {"input": {}, "metadata": {}, "tags": [], "error": None}
        values = {"removed": Removed.ALL, "data_removed_at": now, **nothing}
        self._mark(connection, ids, values)
        let_go(connection, self._database, tenant_id, {row.id: row.finished_at for row in rows})

    def _mark(self, connection: Connection, ids: Sequence[UUID], values: dict[str, Any]) -> None:
        if ids:
            connection.execute(
                update(jobs).where(among(self._database, jobs.c.id, "ids")).values(values),
                {"ids": list(ids)},
            )


def _of(
    tenant_id: UUID, batch_id: UUID | None, removed: Removed, ended_by: datetime
) -> list[ColumnElement[bool]]:
    return [
        # By the one or the other: each has an index of its own.
        jobs.c.tenant_id == tenant_id if batch_id is None else jobs.c.batch_id == batch_id,
        *ended(removed),
        jobs.c.finished_at <= ended_by,
        jobs.c.state.in_(FINAL),
    ]


def _has_none(attempts_like: ColumnElement[bool]) -> ColumnElement[bool]:
    # A scalar subquery: of a NOT EXISTS a planner may make a join that reads all attempts.
    one = select(attempts.c.id).where(attempts.c.job_id == jobs.c.id, attempts_like).limit(1)
    return one.scalar_subquery().is_(None)


def _samples(slug: str, values: dict[str, Any]) -> int:
    return MODELS[slug].samples(values) if slug in MODELS else 1
