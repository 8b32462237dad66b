import socket

import pytest

from jobs.errors import InvalidSetting
from tests.upstream.conftest import Connect, Serve, generate
from tests.upstream.loopback import Loopback, Says, Wire, answer
from tests.upstream.test_lost_connections import unsent

PASSWORD = "hunter2"


def with_user(server: Loopback) -> str:
    return f"http://someone:{PASSWORD}@127.0.0.1:{server.port}"


def test_a_proxy_that_was_set_carries_the_call(serve: Serve, connect: Connect) -> None:
    proxy = serve(Says())
    client = connect("http://api.example.invalid", proxy=with_user(proxy))
    assert isinstance(generate(client).result, tuple)
    (request,) = proxy.requests
    assert request.line == "POST http://api.example.invalid/v1/ssd-canny HTTP/1.1"
    assert "proxy-authorization" in request.headers


def test_a_proxy_that_cannot_be_reached_is_unsent(connect: Connect) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        proxy = f"http://someone:{PASSWORD}@127.0.0.1:{bound.getsockname()[1]}"
        for origin in ("http://api.example.invalid", "https://api.example.invalid"):
            message = unsent(generate(connect(origin, proxy=proxy)))
            assert message == "the connection was refused"


def test_a_tunnel_that_is_refused_is_unsent_and_saw_no_key(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(answer(407, b"", {}))

    proxy = serve(script)
    client = connect("https://api.example.invalid", proxy=with_user(proxy))
    message = unsent(generate(client))
    assert "407" in message
    assert PASSWORD not in message
    (request,) = proxy.requests
    assert request.line.startswith("CONNECT api.example.invalid:443")
    assert "x-api-key" not in request.headers


def test_a_tunnel_that_trickles_ends_at_the_deadline(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.drip(b"HTTP/1.1 200 OOOOOOOOOOOOOOOO")

    client = connect("https://api.example.invalid", deadline=0.3, proxy=serve(script).url)
    unsent(generate(client))


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "https://a:hunter2@b", "127.0.0.1:1"])
def test_another_kind_of_proxy_is_refused(proxy: str, connect: Connect) -> None:
    with pytest.raises(InvalidSetting) as refused:
        connect("http://127.0.0.1:1", proxy=proxy)
    assert PASSWORD not in str(refused.value)
