"""Heads of requests: how large they may be, and what of an upgrade that is not offered."""

import json
import socket
import time
from http.client import HTTPResponse

import httpx
import pytest

from api_gateway.request_bounds import LARGEST_HEAD, MOST_HEADERS
from tests.gateway.conftest import SMALL_INPUT
from tests.gateway.gateway_process import Gateway
from tests.gateway.test_gateway_slow_bodies import all_of, line_to

BODY = json.dumps({"model": "ssd-canny", "input": SMALL_INPUT}).encode()
START = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"


def head_of(size: int) -> bytes:
    """A whole head of exactly so many bytes."""
    empty = START + b"X: \r\n\r\n"
    return START + b"X: " + b"a" * (size - len(empty)) + b"\r\n\r\n"


def send_until_closed(line: socket.socket, first: bytes, more: bytes, megabytes: int = 30) -> bytes:
    """What is answered to a head that does not end, and how it ends is not ours to choose."""
    try:
        line.sendall(first)
        for _ in range(megabytes * 1_000_000 // len(more)):
            line.sendall(more)
    except (BrokenPipeError, ConnectionResetError):
        return all_of(line)
    pytest.fail("all of it was read")


def is_refused(answer: bytes, detail: str) -> None:
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 431 "), answer
    assert b"content-type: application/problem+json" in start
    assert b"connection: close" in start
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("/problems/head-too-large", 431)
    assert problem["detail"] == detail


def test_a_head_may_have_64_kib_and_not_a_byte_more(gateway: Gateway) -> None:
    with line_to(gateway) as line:
        for _ in range(2):
            line.sendall(head_of(LARGEST_HEAD))
            answer = HTTPResponse(line)
            answer.begin()
            assert (answer.status, answer.read()) == (200, b'{"status":"alive"}')
        line.sendall(head_of(LARGEST_HEAD + 1))
        is_refused(all_of(line), "it may have at most 65,536 bytes")


def test_the_number_of_headers_is_bounded(gateway: Gateway) -> None:
    for count, status in ((MOST_HEADERS - 1, b"200"), (MOST_HEADERS, b"431")):
        with line_to(gateway) as line:
            line.sendall(START + b"a:\r\n" * count + b"\r\n")
            answer = line.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 " + status), count
    is_refused(answer, "it may have at most 200 headers")


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"GET /", b"a" * 65_536),
        (START + b"X: ", b"a" * 65_536),
        (START + b"X", b"a" * 65_536),
        (START, b"a:b\r\n" * 10_000),
        (b"", b"\r\n" * 10_000),
    ],
)
def test_a_head_without_end_is_cut_off_at_once(gateway: Gateway, first: bytes, more: bytes) -> None:
    started = time.monotonic()
    with line_to(gateway) as line:
        answer = send_until_closed(line, first, more)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("trailer", [b"0\r\nX: ", b"0\r\n", b"5;x="])
def test_what_stands_around_a_body_has_a_bound_too(
    gateway: Gateway, tenant: str, trailer: bytes
) -> None:
    key = f"\r\nAuthorization: Bearer {gateway.key(tenant)}\r\n".encode()
    first = CHUNKED.replace(b"\r\n", key, 1) + trailer
    more = b"a:b\r\n" * 10_000 if trailer == b"0\r\n" else b"a" * 65_536
    with line_to(gateway) as line:
        send_until_closed(line, first, more)


def test_a_trailer_is_no_header(gateway: Gateway, tenant: str) -> None:
    size = f"{len(BODY):x}".encode()
    with line_to(gateway) as line:
        line.sendall(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%b\r\n%b\r\n0\r\n"
            % (size, BODY)
            + f"Authorization: Bearer {gateway.key(tenant)}\r\n\r\n".encode()
        )
        assert line.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_a_large_body_is_no_head(client: httpx.Client) -> None:
    for pieces in ([bytes(LARGEST_HEAD * 3)], [b"a"] * LARGEST_HEAD):
        response = client.post(
            "/api/v1/inputs", content=iter(pieces), headers={"Content-Type": "image/png"}
        )
        assert response.status_code == 422


def upgrading(key: str, body: bytes, framing: str, upgrade: str = H2C) -> bytes:
    head = (
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\n{upgrade}Authorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (f"Content-Length: {len(BODY)}", BODY),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
    ],
)
@pytest.mark.parametrize("upgrade", [H2C, "Connection: upgrade\r\nUpgrade: websocket\r\n"])
@pytest.mark.parametrize("pieces", [1, 2, 7, 60])
def test_an_upgrade_that_is_not_offered_is_ignored(
    gateway: Gateway, tenant: str, framing: str, body: bytes, upgrade: str, pieces: int
) -> None:
    logged = gateway.log.read_text()
    sent = upgrading(gateway.key(tenant), body, framing, upgrade)
    step = -(-len(sent) // pieces)
    with line_to(gateway) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The connection goes on, with an upgrade and without.
        for _ in range(2):
            for at in range(0, len(sent), step):
                line.sendall(sent[at : at + step])
                time.sleep(0.002 if pieces > 1 else 0)
            answer = HTTPResponse(line)
            answer.begin()
            assert answer.status == 202, answer.read()
            assert json.loads(answer.read())["input"]["prompt"] == SMALL_INPUT["prompt"]
        line.sendall(START + b"\r\n")
        assert line.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert '"level": "warning"' not in gateway.log.read_text()[len(logged) :]


def test_requests_behind_an_upgrade_are_answered_in_order(gateway: Gateway, tenant: str) -> None:
    key = gateway.key(tenant)
    sent = upgrading(key, BODY, f"Content-Length: {len(BODY)}")
    last = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with line_to(gateway) as line:
        line.sendall(START + b"\r\n" + sent + START + H2C.encode() + b"\r\n" + sent + last)
        answers = all_of(line).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"202", b"200", b"202", b"404"]


def test_many_upgrades_in_one_segment_are_many_requests(gateway: Gateway) -> None:
    one = b"GET /healthz HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    with line_to(gateway) as line:
        line.sendall(one * 1_000 + START + b"Connection: close\r\n\r\n")
        assert all_of(line).count(b'{"status":"alive"}') == 1_001


def test_a_folded_header_smuggles_nothing_past_an_ignored_upgrade(
    gateway: Gateway, tenant: str
) -> None:
    """Its lines become one line, or it is refused: never a header of its own."""
    folded = f"X: a\r\n Authorization: Bearer {gateway.key(tenant)}\r\n"
    with line_to(gateway) as line:
        line.sendall(b"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\n" + (H2C + folded + "\r\n").encode())
        assert line.recv(65_536)[:12] in {b"HTTP/1.1 401", b"HTTP/1.1 400"}


def test_a_tunnel_is_refused_quietly(gateway: Gateway) -> None:
    logged = gateway.log.read_text()
    for target in (b"/healthz", b"example.com:443"):
        with line_to(gateway) as line:
            line.sendall(b"CONNECT %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
            assert line.recv(65_536)[:10] == b"HTTP/1.1 4"
    assert "Traceback" not in gateway.log.read_text()[len(logged) :]
