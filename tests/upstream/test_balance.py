import pytest

from jobs import money
from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import Connect, Serve
from tests.upstream.loopback import KEY, Says, Wire
from upstream.replies import Balance

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "total"),
    [
        (b'{"credits": 0.0, "free-credits": 0.0184921035}', "0.0184921035"),
        (b'{"credits": 12, "free-credits": 0.1}', "12.1"),
        (b'{"credits": 0.1, "free-credits": 0.2}', "0.3"),
        (b'{"credits": "7.25", "free-credits": 0}', "7.25"),
        (b'{"credits": -0.5, "free-credits": 0}', "-0.5"),
        (b'{"credits": 3}', "3"),
    ],
)
def test_paid_and_free_credits_are_added_exactly(
    body: bytes, total: str, serve: Serve, connect: Connect
) -> None:
    server = serve(Says(200, body, JSON))
    found = connect(server).balance()
    assert isinstance(found, Balance)
    assert found.credits == money.parse(total)
    assert found.sent_at <= found.arrived_at
    (request,) = server.requests
    assert request.line == "GET /v1/get-user-credits HTTP/1.1"
    assert request.headers["x-api-key"] == KEY
    assert request.body == b""


def test_an_account_without_a_record_has_nothing(serve: Serve, connect: Connect) -> None:
    body = b'{"error": "No credits found for the user"}'
    found = connect(serve(Says(404, body, JSON))).balance()
    assert isinstance(found, Balance)
    assert found.credits == money.ZERO


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"{}",
        b"[]",
        b"5",
        b'{"credits": null}',
        b'{"credits": true, "free-credits": 1}',
        b'{"credits": NaN}',
        b'{"credits": 1e9999999}',
        b'{"credits": 1e30}',
        b'{"credits": [1]}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_balance_is_rejected(body: bytes, serve: Serve, connect: Connect) -> None:
    found = connect(serve(Says(200, body, JSON))).balance()
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.RESULT_REJECTED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.UNAUTHORIZED),
        (404, FailureKind.MODEL_NOT_FOUND),
        (429, FailureKind.RATE_LIMITED),
        (502, FailureKind.GATEWAY_ERROR),
    ],
)
def test_errors_are_failures_by_the_same_table(
    status: int, kind: FailureKind, serve: Serve, connect: Connect
) -> None:
    found = connect(serve(Says(status, b'{"error": "no"}', JSON))).balance()
    assert found == Failure(kind, "no", status)


def test_the_question_has_a_deadline(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.drip(b"HTTP/1.1 200 OOOOOOOOOOOOOOO")

    found = connect(serve(script), deadline=0.3).balance()
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.CONNECTION_LOST


def test_nobody_there_is_unsent(connect: Connect) -> None:
    found = connect("http://no-such-host.invalid").balance()
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.NOT_SENT
