import ssl
from pathlib import Path

import pytest
from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from tests.upstream.certificates import write_self_signed
from tests.upstream.conftest import Connect, Serve, generate
from tests.upstream.loopback import Loopback, Says, Wire
from tests.upstream.pictures import jpeg
from tests.upstream.test_lost_connections import unsent
from upstream.transport import Exchange, Transport


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def exchange(
    server: Loopback, trusted: Path, *, deadline: float = 10, leave: bool = True
) -> Exchange:
    request = PreparedRequest()
    request.method, request.url, request.body = "POST", f"{server.url}/v1/ssd-canny", b"{}"
    request.headers = CaseInsensitiveDict({"Content-Length": "2"})
    transport = Transport(connections=1, verify=str(trusted))
    try:
        return transport.exchange(request, deadline=deadline, may_send=lambda: leave)
    finally:
        transport.close()


def test_a_trusted_certificate_is_served(
    serve: Serve, certificate: Path, tls: ssl.SSLContext
) -> None:
    server = serve(Says(), tls)
    found = exchange(server, certificate)
    assert found.answer is not None, found.trouble
    assert found.answer.body == jpeg()


def test_leave_is_asked_under_tls_too(serve: Serve, certificate: Path, tls: ssl.SSLContext) -> None:
    server = serve(Says(), tls)
    found = exchange(server, certificate, leave=False)
    assert (found.answer, found.sent_at) == (None, None)
    assert server.requests == []


def test_the_deadline_holds_under_tls_too(
    serve: Serve, certificate: Path, tls: ssl.SSLContext
) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
        wire.drip(b"\0")

    found = exchange(serve(script, tls), certificate, deadline=0.4)
    assert found.sent_at is not None
    assert found.answer is not None
    assert "within 0.4 s" in found.answer.trouble


def test_a_certificate_that_nobody_vouches_for_is_unsent(
    serve: Serve, connect: Connect, tls: ssl.SSLContext
) -> None:
    server = serve(Says(), tls)
    assert "certificate was not accepted" in unsent(generate(connect(server)))
    assert server.requests == []


def test_a_server_without_tls_is_unsent(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        wire.silence()

    server = serve(script)
    assert "TLS failed" in unsent(generate(connect(f"https://127.0.0.1:{server.port}")))


def test_a_handshake_that_trickles_ends_at_the_deadline(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        # The head of a long handshake record, whose content then comes byte by byte.
        wire.send(b"\x16\x03\x03\x3f\xff")
        wire.drip(b"\x02", every=0.05)

    server = serve(script)
    client = connect(f"https://127.0.0.1:{server.port}", deadline=0.3)
    unsent(generate(client))
