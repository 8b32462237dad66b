"""The client against the stand-in, a process of its own that shares no line with it."""

import base64
from collections.abc import Iterator

import pytest

from jobs import money
from jobs.failures import Failure, FailureKind
from tests.sandbox.sandbox_process import KEY, PHOTOGRAPH, SandboxProcess
from upstream.endpoints import Endpoints
from upstream.replies import Balance, Reply
from upstream.segmind import Segmind


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    process = SandboxProcess()
    yield process
    process.end()


def call(sandbox: SandboxProcess, key: str) -> tuple[Reply, Balance | Failure]:
    client = Segmind(key, Endpoints.from_base_url(sandbox.url), connections=1, deadline=30)
    inputs = {"image": base64.b64encode(PHOTOGRAPH).decode(), "prompt": "a cup", "seed": 7}
    try:
        return client.generate("ssd-canny", inputs, may_send=lambda: True), client.balance()
    finally:
        client.close()


def test_a_call_is_served_refused_and_limited_as_documented(sandbox: SandboxProcess) -> None:
    reply, balance = call(sandbox, KEY)
    assert isinstance(reply.result, tuple), reply.result
    assert (reply.status, reply.form, reply.facts.seed) == (200, "raw", 7)
    assert reply.facts.cost is not None
    assert isinstance(balance, Balance)
    assert balance.credits == reply.facts.credits
    assert balance.credits + reply.facts.cost == money.parse("100")

    reply, refused = call(sandbox, "SG_ffffffffffffffff")
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.UNAUTHORIZED
    assert isinstance(refused, Failure)
    assert refused.kind is FailureKind.UNAUTHORIZED

    sandbox.change(rpm=1)
    limited = [call(sandbox, KEY)[0] for _ in range(2)][-1]
    assert isinstance(limited.result, Failure)
    assert limited.result.kind is FailureKind.RATE_LIMITED
    assert limited.result.resets_at is not None
    assert len(sandbox.ledger()) >= 2
