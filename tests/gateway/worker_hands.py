"""What a worker does to a job, done by a test with the worker's own store."""

import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import redis

from db.account_values import Account
from db.accounts import AccountStore
from db.artifacts import output_key
from db.doubts import DoubtStore
from db.rows import Claim, Output, Settlement
from db.runs import RunStore
from jobs.failures import Failure, FailureKind
from jobs.money import Money, parse
from jobs.retry import Decision
from jobs.states import State
from jobs.wire import DEFAULT_POOL, job_channel
from tests.db.conftest import claim_one
from tests.gateway.gateway_process import Gateway


def account_of(gateway: Gateway) -> Account:
    return AccountStore(gateway.database).ensure(
        DEFAULT_POOL, "default", call_limit=60, window_seconds=60
    )


def claim(gateway: Gateway, job_id: str) -> Claim:
    """Claim this job; whatever other tests left in the queue before it is claimed too."""
    account = account_of(gateway)
    runs = RunStore(gateway.database)
    while True:
        found = claim_one(runs, account.id, timedelta(hours=1), DEFAULT_POOL)
        assert isinstance(found, Claim), "the job is not in the queue"
        if found.job.id == UUID(job_id):
            return found


def succeed(
    gateway: Gateway,
    claimed: Claim,
    *images: bytes,
    content_type: str = "image/jpeg",
) -> None:
    """Keep the images and settle the job as succeeded, at 0.0059 USD."""
    outputs = []
    for n, image in enumerate(images):
        key = output_key(claimed.job.tenant_id, claimed.job.id, claimed.number, n)
        gateway.store.put(key, image)
        sha256 = hashlib.sha256(image).hexdigest()
        outputs.append(Output(n, key, content_type, 16, 12, len(image), sha256))
    _settle(
        gateway,
        claimed,
        decision=Decision(State.SUCCEEDED, spends_attempt=True),
        cost=parse("0.0059"),
        outputs=tuple(outputs),
    )


def fail(gateway: Gateway, claimed: Claim, cost: str = "0") -> None:
    """Settle the job as failed, by an answer that cost so many USD."""
    _settle(
        gateway,
        claimed,
        decision=Decision(State.FAILED, spends_attempt=True),
        cost=parse(cost),
        failure=Failure(FailureKind.RESULT_REJECTED, "no image came", 200),
    )


def doubt(gateway: Gateway, claimed: Claim, looked: str | None = None) -> None:
    """Settle the job as in doubt, after one look that came to `looked`."""
    _settle(
        gateway,
        claimed,
        decision=Decision(State.IN_DOUBT, spends_attempt=True),
        cost=Money(0),
        failure=Failure(FailureKind.CONNECTION_LOST, "the connection broke"),
    )
    if looked is not None:
        doubts = DoubtStore(gateway.database)
        doubts.look_again([claimed.attempt_id], timedelta(hours=1), looked)


def doubted(gateway: Gateway, job_id: str, looked: str | None = None) -> Claim:
    """Claim this job and leave it in doubt."""
    claimed = claim(gateway, job_id)
    doubt(gateway, claimed, looked)
    return claimed


def hint(gateway: Gateway, job_id: str) -> None:
    with redis.Redis.from_url(gateway.redis) as line:
        line.publish(job_channel(job_id), json.dumps("any"))


def _settle(gateway: Gateway, claimed: Claim, **fields: Any) -> None:
    settlement = Settlement(
        attempt_id=claimed.attempt_id,
        account_id=claimed.account_id,
        job_id=claimed.job.id,
        tenant_id=claimed.job.tenant_id,
        number=claimed.number,
        cost_known=True,
        seed=claimed.seed,
        **fields,
    )
    assert RunStore(gateway.database).settle(settlement)
