"""v2's POST: accepted under an id, refused, or in doubt."""

import json

import pytest

from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import INPUTS, Connect, Serve
from tests.upstream.loopback import KEY, Says, Wire
from tests.upstream.test_failure_table import LISTED
from upstream.replies import Submission
from upstream.segmind import Segmind

JSON = {"Content-Type": "application/json"}
NO_ID = "the answer carries no request id"


def submit(client: Segmind) -> Submission:
    return client.submit("ssd-canny", INPUTS, may_send=lambda: True)


def failed(one: Submission) -> Failure:
    assert isinstance(one.result, Failure), one.result
    assert KEY not in repr(one)
    return one.result


def test_an_accepted_request_has_its_id(serve: Serve, connect: Connect) -> None:
    body = {"request_id": "b7-1", "status": "QUEUED", "poll_url": "https://a.example/"}
    headers = {**JSON, "X-Request-Id": "of-the-exchange", "X-Remaining-Credits": "5"}
    server = serve(Says(200, json.dumps(body).encode(), headers))
    one = submit(connect(server))
    assert (one.result, one.status, one.facts.request_id) == ("b7-1", 200, "b7-1")
    assert one.facts.credits == 5 * 10**10
    assert one.sent_at is not None
    assert one.sent_monotonic is not None
    assert one.sent_at <= one.arrived_at
    (request,) = server.requests
    assert request.line == "POST /v2/ssd-canny HTTP/1.1"
    assert request.headers["x-api-key"] == KEY
    assert json.loads(request.body) == INPUTS


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [b'{"request_id": 1234}', b'{"request_id": "1234", "status": 5}'])
def test_any_success_with_an_id_is_accepted(
    status: int, body: bytes, serve: Serve, connect: Connect
) -> None:
    assert submit(connect(serve(Says(status, body, {})))).result == "1234"


@pytest.mark.parametrize(
    "request_id", [None, "", "  ", "a\nb", "x" * 201, KEY, True, ["a"], {"id": "a"}, "\ud800"]
)
def test_a_success_whose_id_cannot_be_used_is_in_doubt(
    request_id: object, serve: Serve, connect: Connect
) -> None:
    body = json.dumps({"request_id": request_id, "status": "QUEUED"}).encode()
    failure = failed(submit(connect(serve(Says(200, body, JSON)))))
    assert (failure.kind, failure.status) == (FailureKind.GATEWAY_ERROR, 200)
    assert NO_ID in failure.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"b7-1"',
        b"<html>queued</html>",
        b"[" * 100_000,
        b'{"request_id": "b7-1"',
        b'{"request_id": "b7-1", "more": [' + b"0," * 100_001 + b"0]}",
        b'{"request_id": "' + b"x" * 2**20 + b'"}',
    ],
)
def test_a_success_without_a_readable_id_is_in_doubt(
    body: bytes, serve: Serve, connect: Connect
) -> None:
    failure = failed(submit(connect(serve(Says(200, body, JSON)))))
    assert (failure.kind, failure.status) == (FailureKind.GATEWAY_ERROR, 200)
    assert NO_ID in failure.message


def test_an_answer_that_broke_off_is_lost(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"request_id": "b7')

    assert failed(submit(connect(serve(script)))).kind is FailureKind.CONNECTION_LOST


def test_an_id_that_came_is_kept_though_the_answer_has_no_end(
    serve: Serve, connect: Connect
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b'HTTP/1.1 200 OK\r\n\r\n{"request_id": "b7-1"}')
        wire.silence()

    assert submit(connect(serve(script), deadline=1)).result == "b7-1"


@pytest.mark.parametrize("status", LISTED)
def test_every_other_status_is_read_by_the_table(
    status: int, serve: Serve, connect: Connect
) -> None:
    body = json.dumps({"error": f"no, {KEY}", "request_id": "b7-1"}).encode()
    one = submit(connect(serve(Says(status, body, JSON))))
    assert failed(one) == Failure(LISTED[status], "no, [key]", status)
    assert one.status == status


def test_a_request_is_sent_once_with_leave_and_within_the_deadline(
    serve: Serve, connect: Connect
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.drip(b"HTTP/1.1 200 OOOOOOOOO")

    server = serve(script)
    client = connect(server, deadline=0.3)
    held = client.submit("ssd-canny", INPUTS, may_send=lambda: False)
    assert failed(held).kind is FailureKind.NOT_SENT
    assert (held.sent_at, held.sent_monotonic, held.status) == (None, None, None)
    assert failed(submit(client)).kind is FailureKind.CONNECTION_LOST
    assert len(server.requests) == 1
    with pytest.raises(ValueError, match="not JSON compliant"):
        client.submit("ssd-canny", {"seed": float("nan")}, may_send=lambda: True)
