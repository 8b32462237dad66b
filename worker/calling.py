"""The call itself: a claim's inputs as Segmind wants them, one POST, a reply."""

import base64
import time
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from db.artifacts import ArtifactStore
from db.inputs import InputStore
from db.rows import Claim
from jobs import catalog
from jobs.catalog import Kind, Transport
from jobs.catalog.inputs import INPUT_SCHEME
from jobs.errors import UnknownModel
from jobs.failures import Failure, FailureKind
from jobs.timing import SEND_GUARD_SECONDS
from upstream import Facts, Reply, Segmind, Submission
from worker.stopping import stopping

log = structlog.get_logger()


class InputGone(Exception):  # noqa: N818  # says what it is
    """An uploaded image that a job refers to is no longer kept."""


def call(
    segmind: Segmind,
    inputs: InputStore,
    artifacts: ArtifactStore,
    claim: Claim,
    *,
    claimed_at: float,
    not_before: float = 0.0,
) -> Reply | Submission:
    """Call Segmind for a claimed job; `claimed_at` is `time.monotonic` from before its claim,
    `not_before` that from which it may leave: until then it waits, with the connection open.

    Refused at the last moment, just before the first byte, when more than 5 s have passed since:
    a process that was stopped and continued must not send what may have been swept meanwhile. A
    worker that is told to stop sends nothing new either.
    """

    def may_send() -> bool:
        stopping.wait(min(max(0.0, not_before - time.monotonic()), SEND_GUARD_SECONDS))
        return time.monotonic() - claimed_at <= SEND_GUARD_SECONDS and not stopping.is_set()

    try:
        body = sent_inputs(inputs, artifacts, claim.job, claim.seed)
        send = segmind.submit if claim.transport is Transport.V2 else segmind.generate
        return send(claim.job.model, body, may_send=may_send)
    except InputGone as error:
        return _unsent(FailureKind.INVALID_INPUT, str(error))
    except UnknownModel as error:
        return _unsent(FailureKind.MODEL_NOT_FOUND, str(error))
    except Exception:
        # Neither itself raises once a byte has left. What is seen by the living worker
        # is provably unsent, so it must not become a doubt when the lease runs out.
        log.exception("not_sent", job=claim.job.id)
        return _unsent(FailureKind.NOT_SENT, "the call could not be prepared; it was not sent")


class Asking(Protocol):
    """What a call is made of: a job, or what is known of another's."""

    @property
    def tenant_id(self) -> UUID: ...
    @property
    def model(self) -> str: ...
    @property
    def input(self) -> dict[str, Any]: ...


def sent_inputs(
    inputs: InputStore, artifacts: ArtifactStore, job: Asking, seed: int | None
) -> dict[str, Any]:
    """The job's input with an attempt's seed, and uploaded images as bare base64: what is sent.

    Raises `InputGone`, and `UnknownModel`.
    """
    parameters = catalog.model(job.model).parameters
    body = dict(job.input)
    if "seed" in parameters:
        body["seed"] = seed
    for name, value in body.items():
        if (
            name in parameters
            and parameters[name].kind is Kind.IMAGE
            and value.startswith(INPUT_SCHEME)
        ):
            found = inputs.get(job.tenant_id, value.removeprefix(INPUT_SCHEME))
            if found is None:
                raise InputGone(f"the uploaded image {value} is no longer kept")
            try:
                data = artifacts.get(found.artifact)
            except FileNotFoundError:
                raise InputGone(f"the uploaded image {value} is no longer kept") from None
            body[name] = base64.b64encode(data).decode("ascii")
    return body


def _unsent(kind: FailureKind, message: str) -> Reply:
    return Reply(
        result=Failure(kind, message),
        facts=Facts(),
        status=None,
        sent_at=None,
        sent_monotonic=None,
        arrived_at=datetime.now(UTC),
        form="",
    )
