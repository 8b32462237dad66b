"""v2, the history and the outputs against the stand-in, which shares no line with the client."""

import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs import money
from jobs.failures import Failure, FailureKind
from jobs.matching import HistoryStatus
from jobs.shown_inputs import is_digest
from tests.sandbox.sandbox_process import KEY, PHOTOGRAPH, SandboxProcess
from upstream import (
    Endpoints,
    HistoryRow,
    Image,
    Record,
    RequestState,
    Segmind,
)

INPUTS = {"image": base64.b64encode(PHOTOGRAPH).decode(), "prompt": "a cup", "seed": 7}


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    process = SandboxProcess()
    yield process
    process.end()


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[Segmind]:
    one = Segmind(KEY, Endpoints.from_base_url(sandbox.url), connections=1, deadline=30)
    yield one
    one.close()


def submitted(client: Segmind, **changes: Any) -> str:
    one = client.submit("ssd-canny", {**INPUTS, **changes}, may_send=lambda: True)
    assert isinstance(one.result, str), one.result
    return one.result


def ended(client: Segmind, request_id: str) -> Record:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = client.record(request_id, whole=False)
        assert isinstance(found, Record), found
        if found.state in {RequestState.COMPLETED, RequestState.FAILED}:
            return found
        time.sleep(0.02)
    raise TimeoutError(request_id)


def listed(client: Segmind, model: str | None = "ssd-canny") -> list[HistoryRow]:
    today = datetime.now(UTC).date()
    return list(client.history(model, today, today))


def test_a_request_is_accepted_ends_and_is_found_again(client: Segmind) -> None:
    request_id = submitted(client, samples=2)
    ended(client, request_id)
    record = client.record(request_id, whole=True)
    assert isinstance(record, Record)
    assert len(record.outputs) == 2
    assert record.facts.cost is not None
    assert record.facts.cost > 0
    assert record.facts.credits == money.parse("100") - record.facts.cost
    assert all(isinstance(client.download(url), Image) for url in record.outputs)

    rows = listed(client)
    assert [row.output for row in rows] == list(record.outputs)
    for row in rows:
        assert (row.request_id, row.model) == (request_id, "ssd-canny")
        assert (row.status, row.cost, row.error) == (
            HistoryStatus.COMPLETED,
            record.facts.cost,
            "",
        )
        assert (row.inputs["seed"], row.inputs["prompt"]) == (7, "a cup")
        assert is_digest(row.inputs["image"])
        assert row.created_at is not None
        assert abs((row.created_at - datetime.now(UTC)).total_seconds()) < 60
    assert client.history_row(request_id) in rows
    assert client.history_row("none") is None
    assert listed(client, "ssd-cann") == []


def test_a_failed_inference_and_an_expired_record(sandbox: SandboxProcess, client: Segmind) -> None:
    for error, kind in (
        ("CUDA out of memory", FailureKind.UPSTREAM_ERROR),
        ("bad shape", FailureKind.INFERENCE_FAILED),
    ):
        sandbox.faults({"effect": {"kind": "fails", "error": error}})
        record = ended(client, submitted(client))
        assert record.failure == Failure(kind, error, 422)
    row = listed(client)[-1]
    assert (row.status, row.error, row.output) == (HistoryStatus.FAILED, "bad shape", None)
    expired = client.record("none", whole=False)
    assert isinstance(expired, Failure)
    assert expired.kind is FailureKind.RECORD_EXPIRED


def test_a_long_history_is_read_to_its_end(sandbox: SandboxProcess, client: Segmind) -> None:
    sandbox.change(rpm=None)
    sent = [submitted(client, seed=seed) for seed in range(230)]
    for request_id in sent:
        ended(client, request_id)
    assert [row.request_id for row in listed(client)] == sent
    assert [row.inputs["seed"] for row in listed(client, None)] == list(range(230))


def test_an_output_that_is_gone(sandbox: SandboxProcess, client: Segmind) -> None:
    request_id = submitted(client)
    ended(client, request_id)
    record = client.record(request_id, whole=True)
    assert isinstance(record, Record)
    sandbox.change(output_seconds=0.01)
    time.sleep(0.05)
    found = client.download(record.outputs[0])
    assert isinstance(found, Failure)
    assert (found.kind, found.status) == (FailureKind.RESULT_REJECTED, 404)
    assert "gone" in found.message
