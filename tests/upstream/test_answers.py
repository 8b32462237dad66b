"""What comes back whole: statuses, their words, and bodies that are not what they should be."""

import json
from datetime import UTC, datetime

import pytest

from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import Connect, Serve, generate
from tests.upstream.loopback import KEY, Says, Wire, answer
from tests.upstream.pictures import jpeg, picture
from tests.upstream.test_failure_table import LISTED

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("status", LISTED)
def test_every_listed_status_is_a_failure_of_its_kind(
    status: int, serve: Serve, connect: Connect
) -> None:
    body = json.dumps({"error": f"no, not with {KEY}"}).encode()
    reply = generate(connect(serve(Says(status, body, JSON))))
    assert reply.result == Failure(LISTED[status], "no, not with [key]", status)
    assert (reply.status, reply.form) == (status, "")
    assert reply.sent_at is not None


@pytest.mark.parametrize("status", LISTED)
def test_an_answer_without_words_gets_the_meaning_of_its_status(
    status: int, serve: Serve, connect: Connect
) -> None:
    reply = generate(connect(serve(Says(status, b"", {}))))
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is LISTED[status]
    assert reply.result.message


def test_a_rate_limit_says_when_it_ends(serve: Serve, connect: Connect) -> None:
    headers = {**JSON, "X-Rate-Limit-Reset-At-UTC": "2026-09-01T12:30:15"}
    reply = generate(connect(serve(Says(429, b'{"error": "slow down"}', headers))))
    moment = datetime(2026, 9, 1, 12, 30, 15, tzinfo=UTC)
    assert reply.result == Failure(FailureKind.RATE_LIMITED, "slow down", 429, moment)
    assert reply.facts.resets_at == moment


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Invalid content type", FailureKind.BAD_REQUEST_FORM),
        ("Insufficient credits", FailureKind.INSUFFICIENT_CREDITS),
        ("Team spend limit exceeded", FailureKind.SPEND_LIMIT),
        ("Invalid scheduler", FailureKind.INVALID_INPUT),
    ],
)
def test_the_four_meanings_of_406(
    text: str, kind: FailureKind, serve: Serve, connect: Connect
) -> None:
    reply = generate(connect(serve(Says(406, json.dumps({"error": text}).encode(), JSON))))
    assert reply.result == Failure(kind, text, 406)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html"}, b"<h1>Maintenance</h1>"),
        (JSON, b'{"error": "Model crashed"}'),
        ({"Content-Type": "image/jpeg"}, b'{"error": "Model crashed"}'),
        ({"Content-Type": "image/jpeg"}, jpeg()[:200]),
        ({"Content-Type": "image/jpeg"}, b""),
        ({}, b"hello"),
    ],
)
def test_a_success_without_an_image_is_rejected_and_keeps_its_facts(
    headers: dict[str, str], body: bytes, serve: Serve, connect: Connect
) -> None:
    reply = generate(connect(serve(Says(200, body, {**headers, "X-Request-Id": "req-1"}))))
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.RESULT_REJECTED
    assert (reply.status, reply.facts.request_id) == (200, "req-1")


def test_an_answer_without_a_length_is_read_to_its_end(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg())

    assert isinstance(generate(connect(serve(script))).result, tuple)


def test_an_answer_in_chunks_is_put_together(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for start in range(0, len(jpeg()), 100):
            piece = jpeg()[start : start + 100]
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        wire.send(b"0\r\n\r\n")

    assert isinstance(generate(connect(serve(script))).result, tuple)


@pytest.mark.parametrize("status", [100, 101, 102, 103, 199])
def test_what_a_server_says_before_its_answer_is_passed_over(
    status: int, serve: Serve, connect: Connect
) -> None:
    """Taken for the answer, it would leave the real one in the line for the next call."""
    pictures = [picture("PNG", (16 + n, 8)) for n in range(3)]

    def script(wire: Wire) -> None:
        for one in pictures:
            wire.request()
            wire.send(b"HTTP/1.1 %d Soon\r\nX-Request-Id: early\r\n\r\n" % status)
            wire.send(answer(200, one, {"X-Request-Id": "req-1"}))

    server = serve(script)
    client = connect(server)
    replies = [generate(client) for _ in pictures]
    assert [
        [image.data for image in reply.result] if isinstance(reply.result, tuple) else reply.result
        for reply in replies
    ] == [[one] for one in pictures]
    assert {reply.facts.request_id for reply in replies} == {"req-1"}
    assert server.connections == 1


def test_a_long_error_page_is_not_read_to_its_end(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\n\r\n<h1>Internal Error</h1>")
        while True:
            wire.send(b" and more" * 10_000)

    reply = generate(connect(serve(script)))
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.UPSTREAM_ERROR
    assert reply.result.message.startswith("Internal Error and more")
