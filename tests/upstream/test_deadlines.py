"""The total deadline holds whatever trickles, and cuts no other call's connection."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.upstream.conftest import Connect, Serve, generate
from tests.upstream.loopback import Says, Wire
from tests.upstream.pictures import jpeg
from tests.upstream.test_lost_connections import lost, unsent

OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"


def _silence(wire: Wire) -> None:
    wire.request()
    wire.silence()


def _status_line(wire: Wire) -> None:
    wire.request()
    wire.drip(b"HTTP/1.1 200 OOOOOOOOOOOOOOOOO")


def _headers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\n")
    wire.drip(b"X-A: b\r\n")


def _continues(wire: Wire) -> None:
    wire.request()
    wire.drip(b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001)


def _body(wire: Wire) -> None:
    wire.request()
    wire.send(OK + b"Content-Length: 100000\r\n\r\n")
    wire.drip(jpeg())


def _body_without_length(wire: Wire) -> None:
    wire.request()
    wire.send(OK + b"\r\n" + jpeg())
    wire.drip(b"\0")


def _chunks(wire: Wire) -> None:
    wire.request()
    wire.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    wire.drip(b"1\r\na\r\n")


def _reads_nothing(wire: Wire) -> None:
    wire.silence()


@pytest.mark.parametrize(
    "script",
    [_silence, _status_line, _headers, _continues, _body, _body_without_length, _chunks],
)
def test_a_call_ends_at_its_deadline(
    script: Callable[[Wire], None], serve: Serve, connect: Connect
) -> None:
    client = connect(serve(script), deadline=0.3)
    assert "no whole answer within 0.3 s" in lost(generate(client))


def test_a_server_that_does_not_read_cannot_hold_a_call(serve: Serve, connect: Connect) -> None:
    client = connect(serve(_reads_nothing), deadline=0.3)
    reply = generate(client, prompt="x" * 20_000_000)
    assert "within 0.3 s" in lost(reply)


def test_leave_that_takes_the_whole_deadline_sends_nothing(serve: Serve, connect: Connect) -> None:
    server = serve(Says())
    client = connect(server, deadline=0.1)

    def may_send() -> bool:
        time.sleep(0.15)
        return False

    unsent(client.generate("ssd-canny", {}, may_send=may_send))
    assert server.requests == []


def test_a_finished_call_is_not_cut_later(serve: Serve, connect: Connect) -> None:
    """The first call's deadline passes while the second uses the same connection."""
    second = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(OK + b"Content-Length: %d\r\n\r\n" % len(jpeg()) + jpeg())
        wire.request()
        second.wait(5)
        wire.send(OK + b"Content-Length: %d\r\n\r\n" % len(jpeg()) + jpeg())

    server = serve(script)
    client = connect(server, deadline=0.6)
    assert isinstance(generate(client).result, tuple)
    time.sleep(0.3)
    threading.Timer(0.4, second.set).start()
    assert isinstance(generate(client).result, tuple)
    assert server.connections == 1


def test_the_earlier_of_two_deadlines_wakes_first(serve: Serve, connect: Connect) -> None:
    server = serve(_silence)
    client = connect(server, deadline=30)
    slow = threading.Thread(target=generate, args=(client,))
    slow.start()
    client._deadline = 0.2
    started = time.monotonic()
    lost(generate(client))
    assert time.monotonic() - started < 10
    # That the first call still waits shows that it was not cut.
    assert slow.is_alive()
    server.stop()
    slow.join()
