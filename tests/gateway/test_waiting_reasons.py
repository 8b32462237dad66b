"""What the workers say that several accounts wait for, as one reason."""

import asyncio

import pytest
import redis
from redis.asyncio import Redis

from api_gateway.waiting import Waiting, WaitingReasons
from db.accounts import AccountStore
from db.engine import Database
from db.rows import NewJob
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.money import Money
from jobs.states import WaitingFor
from jobs.wire import waiting_key


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("circuit_breaker", "circuit_breaker", WaitingFor.CIRCUIT_BREAKER),
        ("circuit_breaker", "rate_limit", WaitingFor.RATE_LIMIT),
        ("circuit_breaker", None, WaitingFor.SLOT),
        ("circuit_breaker", "paused", WaitingFor.CIRCUIT_BREAKER),
    ],
)
def test_what_holds_up_one_account_is_no_reason_while_another_works(
    database: Database, valkey: str, first: str, second: str | None, told: WaitingFor
) -> None:
    store = AccountStore(database)
    tenant = TenantStore(database).ensure("shop")
    job = NewJob(tenant, "segmind", "ssd-canny", {}, Money(1))
    with redis.Redis.from_url(valkey) as line:
        for name, value in (("first", first), ("second", second)):
            account = store.ensure("segmind", name, call_limit=60, window_seconds=60)
            if value == "paused":
                store.pause(account.id, Pause(PauseReason.OPERATOR, None))
            elif value is not None:
                line.set(waiting_key(account.id), value)

    async def ask() -> Waiting:
        async with Redis.from_url(valkey, decode_responses=True) as line:
            return await WaitingReasons(database, store, line).of(job)

    found = asyncio.run(ask())
    assert found.reason is told
    assert (found.note is not None) == (told is WaitingFor.CIRCUIT_BREAKER)
