"""An operator's word about a doubt: what nobody can find out, somebody may decide."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from db.artifacts import ArtifactStore, found_key
from db.doubt_rows import Doubt
from db.doubts import DoubtStore
from db.engine import Database
from db.jobs import JobStore
from db.rows import Input, Job, Moved, Output, Settlement
from db.runs import RunStore
from db.tables import attempts
from jobs.changing import why_not_resolved
from jobs.doubts import DoubtEnd
from jobs.errors import IllegalMove, RequestHeld
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import State


class Verdict(StrEnum):
    """As what an operator ends a doubt."""

    RETRY = "retry"
    """It is sent again, and may be paid twice."""
    FAILED = "failed"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class Resolution:
    """What an operator says of a job in doubt.

    `note` says why. Of a call that succeeded, `output` is its image or `request_id` Segmind's own
    id of it; at least one of them is there then, and neither of another.
    """

    verdict: Verdict
    note: str
    request_id: str | None = None
    output: Output | None = None


_ENDS = {
    Verdict.RETRY: (DoubtEnd.OPERATOR_RETRY, State.QUEUED, "sends it again"),
    Verdict.FAILED: (DoubtEnd.OPERATOR_FAILED, State.FAILED, "says that it failed"),
    Verdict.SUCCEEDED: (DoubtEnd.OPERATOR_SUCCEEDED, State.SUCCEEDED, "gives its image"),
}


class Resolving:
    """One verb. It is for the latest attempt of a job in doubt, and for one operator at a time."""

    def __init__(self, database: Database, artifacts: ArtifactStore) -> None:
        self._database = database
        self._artifacts = artifacts
        self._doubts = DoubtStore(database)
        self._jobs = JobStore(database)
        self._runs = RunStore(database)

    def must_be_in_doubt(self, tenant_id: UUID, job_id: UUID) -> Doubt:
        """The doubt of a job. Raises `NotFound`, and `IllegalMove` where there is none."""
        doubt = self._doubts.of_job(tenant_id, job_id)
        if doubt is None:
            raise self._refusal(tenant_id, job_id)
        return doubt

    def copied(self, doubt: Doubt, image: Input) -> Output:
        """An uploaded image as the job's output, kept once more: inputs have lives of their own.

        To be called before `resolve`, whose commit must not wait for an image. Its key is no
        worker's, which may be keeping the call's own image at this moment, nor that of another
        operator's other image. What was copied in vain is overwritten by nobody, and in nobody's
        way.
        """
        job = doubt.job
        key = found_key(job.tenant_id, job.id, doubt.number, 0, image.sha256)
        self._artifacts.put(key, self._artifacts.get(image.artifact))
        return Output(
            0, key, image.content_type, image.width, image.height, image.bytes, image.sha256
        )

    def resolve(self, tenant_id: UUID, job_id: UUID, resolution: Resolution) -> Job:
        """End the job's doubt as the operator says, in one commit; gives the job as it is then.

        A request's id alone ends nothing yet: it is asked about at once. Until more is known the
        call counts as paid. Raises `NotFound`, `IllegalMove` where the job is not in doubt (any
        more), and `RequestHeld` for the request of another attempt.
        """
        with self._database.write():
            doubt = self.must_be_in_doubt(tenant_id, job_id)
            if resolution.verdict is Verdict.SUCCEEDED and resolution.output is None:
                self._look_for(doubt, resolution)
            else:
                self._end(doubt, resolution)
            return self._jobs.get(tenant_id, job_id)

    def _end(self, doubt: Doubt, resolution: Resolution) -> None:
        end, state, does = _ENDS[resolution.verdict]
        said = f"an operator {does}: {resolution.note}"
        failure = None
        if resolution.output is None:
            status = (doubt.job.error or {}).get("status")
            failure = Failure(FailureKind(doubt.outcome), f"{doubt.message}; {said}", status)
        moved = self._runs.settle(
            Settlement(
                attempt_id=doubt.attempt_id,
                account_id=doubt.account_id,
                job_id=doubt.job.id,
                tenant_id=doubt.job.tenant_id,
                number=doubt.number,
                decision=Decision(state, spends_attempt=True),
                cost=doubt.estimate,
                cost_known=False,
                outputs=(resolution.output,) if resolution.output else (),
                failure=failure,
                seed=doubt.seed,
                request_id=resolution.request_id,
                doubt_ended=end,
                found_by_request=resolution.request_id is not None,
            )
        )
        if moved is Moved.NO:
            # Its worker, the history or another operator was quicker; this takes all back.
            raise self._refusal(doubt.job.tenant_id, doubt.job.id)
        self._note(doubt, said)

    def _note(self, doubt: Doubt, said: str) -> None:
        """The next look for what the call cost overwrites `looked`; `message` stays."""
        message = f"{doubt.message}; {said}"
        with self._database.write() as connection:
            connection.execute(
                update(attempts)
                .where(attempts.c.id == doubt.attempt_id)
                .values(looked=said, message=message)
            )

    def _look_for(self, doubt: Doubt, resolution: Resolution) -> None:
        said = f"an operator says that it is request {resolution.request_id}: {resolution.note}"
        try:
            with self._database.write() as connection:
                found = connection.execute(
                    update(attempts)
                    .where(
                        attempts.c.id == doubt.attempt_id,
                        attempts.c.in_doubt_at.is_not(None),
                        attempts.c.finished_at.is_(None),
                    )
                    .values(
                        request_id=resolution.request_id,
                        next_look_at=self._database.time(connection),
                        looked=said,
                        message=f"{doubt.message}; {said}",
                    )
                )
        except IntegrityError as error:
            words = f"request {resolution.request_id} is another attempt's"
            raise RequestHeld(words) from error
        if not found.rowcount:
            raise self._refusal(doubt.job.tenant_id, doubt.job.id)

    def _refusal(self, tenant_id: UUID, job_id: UUID) -> IllegalMove:
        job = self._jobs.get(tenant_id, job_id)
        words = why_not_resolved(job.state) or "another call of the job is in doubt by now"
        return IllegalMove(words, job.state)
