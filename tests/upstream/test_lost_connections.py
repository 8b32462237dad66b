"""What breaks on the way: provably unsent, or in doubt, and the key is in none of it."""

import socket
from collections.abc import Callable

import pytest

from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import Connect, Serve, generate
from tests.upstream.loopback import KEY, Says, Wire
from tests.upstream.pictures import jpeg
from upstream.replies import Reply

OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nX-Request-Id: req-1\r\n"


def lost(reply: Reply) -> str:
    """The message of a call that was sent and came to nothing certain."""
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.CONNECTION_LOST
    assert reply.sent_at is not None
    assert reply.sent_monotonic is not None
    assert KEY not in repr(reply)
    return reply.result.message


def unsent(reply: Reply) -> str:
    """The message of a call of which no byte was written."""
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.NOT_SENT
    assert (reply.sent_at, reply.sent_monotonic, reply.status) == (None, None, None)
    assert KEY not in repr(reply)
    return reply.result.message


def test_a_refused_connection_is_unsent(connect: Connect) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        client = connect(f"http://127.0.0.1:{bound.getsockname()[1]}")
        assert unsent(generate(client)) == "the connection was refused"


def test_an_unknown_name_is_unsent(connect: Connect) -> None:
    assert "could not be resolved" in unsent(generate(connect("http://no-such-host.invalid")))


def test_a_connection_that_nobody_accepts_is_unsent(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        message = unsent(generate(connect(f"http://127.0.0.1:{port}", deadline=0.2)))
        for one in waiting:
            one.close()
    # The connect timeout and the deadline end at the same moment here: either may be first.
    assert message in {"no connection was made in time", "connecting timed out"}


def _reset(wire: Wire) -> None:
    wire.request()
    wire.reset()


def _closed(wire: Wire) -> None:
    wire.request()


def _no_http(wire: Wire) -> None:
    wire.request()
    wire.send(b"SSH-2.0-OpenSSH_9.0\r\n\r\n")


def _cut_in_headers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 O")


def _long_header(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000)


def _two_lengths(wire: Wire) -> None:
    wire.request()
    wire.send(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + b"hello!")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (_reset, "reset"),
        (_closed, "closed without an answer"),
        (_no_http, "not HTTP"),
        (_cut_in_headers, ""),
        (_long_header, ""),
        (_two_lengths, ""),
    ],
)
def test_no_answer_is_in_doubt(
    script: Callable[[Wire], None], words: str, serve: Serve, connect: Connect
) -> None:
    reply = generate(connect(serve(script)))
    assert words in lost(reply)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_truncated_body_is_in_doubt_and_keeps_its_facts(
    chunked: bool, serve: Serve, connect: Connect
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        if chunked:
            wire.send(OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\n" + jpeg()[:100] + b"\r\n")
        else:
            wire.send(OK + b"Content-Length: 4000\r\n\r\n" + jpeg()[:100])

    reply = generate(connect(serve(script)))
    message = lost(reply)
    assert message.startswith("the body broke off, after ")
    if not chunked:
        assert message == "the body broke off, after 100 of 4000 bytes"
    assert (reply.status, reply.facts.request_id) == (200, "req-1")


def test_a_body_that_is_reset_is_in_doubt(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(OK + b"Content-Length: 4000\r\n\r\n" + jpeg()[:100])
        wire.reset()

    lost(generate(connect(serve(script))))


def test_half_an_image_whose_length_was_not_told_is_in_doubt(
    serve: Serve, connect: Connect
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(OK + b"\r\n" + jpeg()[:-50])

    reply = generate(connect(serve(script)))
    lost(reply)
    assert reply.status == 200


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.UNAUTHORIZED),
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.UPSTREAM_ERROR),
        # Its meaning stands in the words that did not come.
        (406, FailureKind.CONNECTION_LOST),
    ],
)
def test_a_status_speaks_though_its_words_are_cut_off(
    status: int, kind: FailureKind, serve: Serve, connect: Connect
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b'HTTP/1.1 %d Words\r\nContent-Length: 400\r\n\r\n{"error": "Ins' % status)

    reply = generate(connect(serve(script)))
    assert isinstance(reply.result, Failure)
    assert (reply.result.kind, reply.status) == (kind, status)


def test_a_reused_connection_that_breaks_is_in_doubt_and_not_tried_again(
    serve: Serve, connect: Connect
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
            % len(jpeg())
        )
        wire.send(jpeg())
        wire.request()
        wire.reset()

    server = serve(script)
    client = connect(server)
    assert isinstance(generate(client).result, tuple)
    lost(generate(client))
    assert len(server.requests) == 2
    assert server.connections == 1


def test_a_client_works_on_after_any_failure(serve: Serve, connect: Connect) -> None:
    server = serve(_reset)
    client = connect(server)
    lost(generate(client))
    server.script = Says()
    assert isinstance(generate(client).result, tuple)
