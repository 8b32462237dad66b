"""What became of a v2 request, as its record tells it."""

import json
from typing import Any

import pytest

from jobs import money
from jobs.failures import Failure, FailureKind, Reaction
from tests.upstream.conftest import Connect, Serve
from tests.upstream.loopback import KEY, Says, Wire
from upstream.replies import Record, RequestState

JSON = {"Content-Type": "application/json"}
METRICS = {"cost": 0.0061, "remaining_credits": 5, "inference_time": 4.5, "queue_time": 1}
A, B = "https://images.example/a.png", "https://images.example/b.png"


def said(code: int, /, **body: Any) -> Says:
    return Says(code, json.dumps(body).encode(), JSON)


@pytest.mark.parametrize(
    ("whole", "line"),
    [
        (False, "GET /v2/requests/b7%2F1%3F/status HTTP/1.1"),
        (True, "GET /v2/requests/b7%2F1%3F HTTP/1.1"),
    ],
)
def test_the_question(whole: bool, line: str, serve: Serve, connect: Connect) -> None:
    server = serve(said(200, status="QUEUED"))
    found = connect(server).record("b7/1?", whole=whole)
    assert isinstance(found, Record)
    assert (found.state, found.outputs, found.failure) == (RequestState.QUEUED, (), None)
    assert found.sent_at <= found.arrived_at
    assert server.requests[0].line == line
    assert server.requests[0].headers["x-api-key"] == KEY


def test_a_completed_request_has_its_facts_and_outputs(serve: Serve, connect: Connect) -> None:
    body = (
        f'{{"status": "COMPLETED", "error": null, "seed": 42, "request_id": "b7", "output": "{A}",'
        ' "metrics": {"cost": 0.0061, "remaining_credits": 123456789.0184921035,'
        ' "inference_time": 4.5}}'
    ).encode()
    headers = {**JSON, "X-Request-Id": "of-the-question", "X-Cost": "5"}
    client = connect(serve(Says(200, body, headers)))
    found = client.record("b7", whole=True)
    assert isinstance(found, Record)
    assert (found.state, found.outputs) == (RequestState.COMPLETED, (A,))
    facts = found.facts
    assert (facts.request_id, facts.seed, facts.generation_seconds) == ("b7", 42, 4.5)
    assert facts.cost == money.parse("0.0061")
    assert facts.credits == money.parse("123456789.0184921035")
    status = client.record("b7", whole=False)
    assert isinstance(status, Record)
    assert (status.state, status.outputs) == (RequestState.COMPLETED, ())


@pytest.mark.parametrize(
    ("held", "outputs"),
    [
        ({"output": [B, A, B]}, (B, A)),
        ({"output": A, "images": [{"url": A}, {"url": B, "content_type": "image/png"}]}, (A, B)),
        ({"output": None, "images": [{"url": B}]}, (B,)),
        ({"output": [{"url": A}], "images": "none"}, (A,)),
        ({"output": f" {A}\n"}, (A,)),
        ({"output": "HTTP://images.example/a"}, ("HTTP://images.example/a",)),
        ({"output": f"{A}?{KEY}"}, (f"{A}?[key]",)),
        ({"output": "a cat", "images": [5, None, {"url": None}, {}, []]}, ()),
        ({"output": "https://a.example/\x00"}, ()),
        ({"output": "https://a.example/" + "x" * 10_000}, ()),
        ({}, ()),
    ],
)
def test_outputs_wherever_they_stand(
    held: dict[str, Any], outputs: tuple[str, ...], serve: Serve, connect: Connect
) -> None:
    found = connect(serve(said(200, status="COMPLETED", **held))).record("b7", whole=True)
    assert isinstance(found, Record)
    assert found.outputs == outputs


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        [],
        {"cost": None, "remaining_credits": True, "inference_time": [1]},
        {"cost": -1, "remaining_credits": "soon", "inference_time": -1},
        {"cost": 1e300, "remaining_credits": 10**4000, "inference_time": float("inf")},
    ],
)
def test_metrics_that_cannot_be_read_are_none(
    metrics: object, serve: Serve, connect: Connect
) -> None:
    server = serve(said(200, status="COMPLETED", metrics=metrics, seed=[], request_id=7))
    found = connect(server).record("b7", whole=True)
    assert isinstance(found, Record)
    facts = found.facts
    assert (facts.cost, facts.credits, facts.generation_seconds) == (None, None, None)
    assert (facts.seed, facts.request_id) == (None, "7")


@pytest.mark.parametrize("status", [200, 400, 404, 422, 500, 502])
def test_failed_is_an_answer_under_any_status(status: int, serve: Serve, connect: Connect) -> None:
    server = serve(said(status, status="FAILED", error=f"bad shape {KEY}", metrics=METRICS))
    for whole in (False, True):
        found = connect(server).record("b7", whole=whole)
        assert isinstance(found, Record)
        assert (found.state, found.outputs) == (RequestState.FAILED, ())
        message = "bad shape [key]"
        assert found.failure == Failure(FailureKind.INFERENCE_FAILED, message, status)
        assert found.failure.reaction is Reaction.FAIL
        assert found.facts.cost == money.parse("0.0061")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ("Internal Polling Error", FailureKind.UPSTREAM_ERROR, "Internal Polling Error"),
        ({"message": "CUDA out of memory"}, FailureKind.UPSTREAM_ERROR, "CUDA out of memory"),
        (None, FailureKind.INFERENCE_FAILED, "the inference ran and failed"),
        ([], FailureKind.INFERENCE_FAILED, "the inference ran and failed"),
        (["a", 1], FailureKind.INFERENCE_FAILED, '["a", "1"]'),
    ],
)
def test_what_a_failed_inference_says(
    error: object, kind: FailureKind, message: str, serve: Serve, connect: Connect
) -> None:
    found = connect(serve(said(422, status="FAILED", error=error))).record("b7", whole=False)
    assert isinstance(found, Record)
    assert found.failure == Failure(kind, message, 422)


def test_a_failure_with_a_long_tale_is_read_under_422_too(serve: Serve, connect: Connect) -> None:
    server = serve(said(422, log="x" * 500_000, status="FAILED", error="bad shape"))
    found = connect(server).record("b7", whole=False)
    assert isinstance(found, Record)
    assert found.failure is not None
    assert found.failure.message == "bad shape"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("PROCESSING", RequestState.PROCESSING),
        ("completed", RequestState.COMPLETED),
        ("IN_QUEUE", RequestState.PROCESSING),
        ("", RequestState.PROCESSING),
    ],
)
def test_an_unknown_state_goes_on_being_asked_for(
    told: str, state: RequestState, serve: Serve, connect: Connect
) -> None:
    found = connect(serve(said(200, status=told))).record("b7", whole=False)
    assert isinstance(found, Record)
    assert found.state is state


@pytest.mark.parametrize("status", [404, 410])
def test_a_record_that_is_gone_is_in_doubt(status: int, serve: Serve, connect: Connect) -> None:
    found = connect(serve(said(status, error="not found"))).record("b7", whole=False)
    message = "Segmind no longer has the request's record"
    assert found == Failure(FailureKind.RECORD_EXPIRED, message, status)
    assert found.reaction is Reaction.DOUBT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.UNAUTHORIZED),
        (422, FailureKind.INVALID_INPUT),
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.UPSTREAM_ERROR),
        (502, FailureKind.GATEWAY_ERROR),
        (504, FailureKind.GATEWAY_ERROR),
    ],
)
def test_all_else_is_a_failure_of_the_question(
    status: int, kind: FailureKind, serve: Serve, connect: Connect
) -> None:
    for body in ({"error": "no"}, {"error": "no", "status": "COMPLETED", "output": A}):
        found = connect(serve(said(status, **body))).record("b7", whole=True)
        assert found == Failure(kind, "no", status)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"status": 5}',
        b'{"status": null}',
        b'{"status": "COMPLETED"',
        b"<html>",
        b"[" * 100_000,
        b'{"status": "COMPLETED", "output": "' + b"x" * 2**20 + b'"}',
    ],
)
def test_a_success_that_is_no_record_decides_nothing(
    body: bytes, serve: Serve, connect: Connect
) -> None:
    found = connect(serve(Says(200, body, JSON))).record("b7", whole=True)
    assert isinstance(found, Failure)
    assert (found.kind, found.status) == (FailureKind.GATEWAY_ERROR, 200)
    assert "no record of a request" in found.message


@pytest.mark.parametrize("status", [200, 422])
def test_half_a_record_is_lost(status: int, serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        head = b"HTTP/1.1 %d Words\r\nContent-Length: 90\r\n\r\n" % status
        wire.send(head + b'{"status": "FAI')

    found = connect(serve(script)).record("b7", whole=False)
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.CONNECTION_LOST


def test_a_question_ends_at_its_deadline_and_nobody_there_is_unsent(
    serve: Serve, connect: Connect
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.drip(b"HTTP/1.1 200 OOOOOOOOO")

    found = connect(serve(script), deadline=0.3).record("b7", whole=False)
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.CONNECTION_LOST
    found = connect("http://no-such-host.invalid").record("b7", whole=False)
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.NOT_SENT
