"""Bodies that come slowly, or not at all, hold neither a slot nor the connection for long."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from tests.gateway.conftest import SMALL_INPUT, migrated
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.servers.valkey import running_valkey

SECONDS = 1.0
GRACE = 2.0
"""What the connection gets beyond, for requests that nobody wants to read."""
BODY = json.dumps({"model": "ssd-canny", "input": SMALL_INPUT}).encode()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that gives a body one second."""
    folder = tmp_path_factory.mktemp("hasty")
    database = migrated(folder)
    with (
        running_valkey(folder) as redis,
        running_gateway(folder, database, redis, SEGQ_BODY_TIMEOUT=f"{SECONDS:g}") as found,
    ):
        yield found
    database.close()


def line_to(gateway: Gateway) -> socket.socket:
    parts = urlsplit(gateway.url)
    return socket.create_connection((parts.hostname, parts.port or 0), timeout=20)


def head(
    key: str,
    length: str,
    path: str = "/api/v1/jobs",
    kind: str = "application/json",
    more: str = "",
) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {kind}\r\n{length}\r\n{more}\r\n"
    ).encode()


def all_of(line: socket.socket) -> bytes:
    """What comes until the server closes; a reset counts as closing too."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := line.recv(65_536):
            found += piece
    return found


def is_accepted(line: socket.socket) -> None:
    """One whole answer, which may come in several pieces, and a connection that stays open."""
    answer = HTTPResponse(line)
    answer.begin()
    assert answer.status == 202
    assert json.loads(answer.read())["state"] == "queued"


def is_timeout(answer: bytes, arrived: int) -> None:
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 408 "), answer
    assert b"content-type: application/problem+json" in start
    assert b"connection: close" in start.lower()
    problem = json.loads(body)
    assert problem["type"] == "/problems/body-timeout"
    assert problem["detail"] == (
        f"the whole body must arrive within 1 s; {arrived} bytes of it did"
    )


@pytest.mark.parametrize(
    ("length", "sent", "arrived"),
    [
        ("Content-Length: 500", b"", 0),
        ("Content-Length: 500", b"{" * 100, 100),
        ("Transfer-Encoding: chunked", b"", 0),
        ("Transfer-Encoding: chunked", b"5\r\n{    \r\n", 5),
    ],
)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/v1/jobs", "application/json"),
        ("/api/v1/inputs", "image/png"),
        ("/api/v1/inputs", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_that_stops_is_cut_off_with_an_answer(
    hasty: Gateway, tenant: str, path: str, kind: str, length: str, sent: bytes, arrived: int
) -> None:
    with line_to(hasty) as line:
        started = time.monotonic()
        line.sendall(head(hasty.key(tenant), length, path, kind) + sent)
        is_timeout(all_of(line), arrived)
        assert SECONDS <= time.monotonic() - started < SECONDS + GRACE


def test_a_trickle_gains_no_time(hasty: Gateway, tenant: str) -> None:
    with line_to(hasty) as line:
        line.sendall(head(hasty.key(tenant), "Content-Length: 500"))
        started = time.monotonic()
        line.settimeout(0.1)
        answer = b""
        sent = 0
        while not answer and time.monotonic() - started < SECONDS + GRACE:
            line.sendall(b" ")
            sent += 1
            with contextlib.suppress(TimeoutError):
                answer = line.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert sent >= 5
        assert time.monotonic() - started < SECONDS + GRACE


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /api/v1/jobs HTTP/1.1\r\nHost: x\r\n",
    ],
)
def test_a_request_that_nobody_waits_for_is_closed_too(hasty: Gateway, sent: bytes) -> None:
    """A head that does not end, and the rest of a body that is thrown away."""
    with line_to(hasty) as line:
        started = time.monotonic()
        line.sendall(sent)
        all_of(line)
        taken = time.monotonic() - started
    assert SECONDS <= taken < SECONDS + GRACE + 3


def test_a_body_in_time_leaves_the_connection_open(hasty: Gateway, tenant: str) -> None:
    with line_to(hasty) as line:
        for _ in range(2):
            line.sendall(head(hasty.key(tenant), f"Content-Length: {len(BODY)}") + BODY)
            is_accepted(line)
            # Longer than a request may take: an idle connection is no request.
            time.sleep(0 if _ else SECONDS + GRACE + 0.3)


def test_a_long_wait_for_an_answer_is_no_slow_request(hasty: Gateway, tenant: str) -> None:
    with hasty.client(hasty.key(tenant)) as client:
        body = {"model": "ssd-canny", "input": SMALL_INPUT, "run_at": "2099-01-01T00:00:00Z"}
        job = client.post("/api/v1/jobs", json=body).json()
        started = time.monotonic()
        assert client.get(f"/api/v1/jobs/{job['id']}?wait=4").status_code == 200
        assert time.monotonic() - started > SECONDS + GRACE


def test_a_client_that_expects_to_be_asked_is_asked(hasty: Gateway, tenant: str) -> None:
    with line_to(hasty) as line:
        more = "Expect: 100-continue\r\n"
        line.sendall(head(hasty.key(tenant), f"Content-Length: {len(BODY)}", more=more))
        assert line.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(BODY)
        is_accepted(line)


def test_a_client_is_not_asked_for_what_is_refused(hasty: Gateway, tenant: str) -> None:
    more = "Expect: 100-continue\r\n"
    for key, length, status in (
        (hasty.key(tenant), 30_000_001, b"413"),
        ("segq_none", len(BODY), b"401"),
    ):
        with line_to(hasty) as line:
            line.sendall(head(key, f"Content-Length: {length}", more=more))
            assert line.recv(65_536).startswith(b"HTTP/1.1 " + status)


def test_two_hundred_slow_bodies_keep_nobody_waiting(gateway: Gateway, tenant: str) -> None:
    """With the usual minute for each: they are all open while others are served."""
    key = gateway.key(tenant)
    with contextlib.ExitStack() as stack:
        for number in range(200):
            line = stack.enter_context(line_to(gateway))
            path, kind = (
                ("/api/v1/jobs", "application/json"),
                ("/api/v1/inputs", "image/jpeg"),
            )[number % 2]
            line.sendall(head(key, "Content-Length: 1000000", path, kind) + bytes(100_000))
        with gateway.client(key) as client:
            for _ in range(20):
                started = time.monotonic()
                assert client.get("/healthz").status_code == 200
                assert (
                    client.post(
                        "/api/v1/jobs", content=BODY, headers={"Content-Type": "application/json"}
                    ).status_code
                    == 202
                )
                assert time.monotonic() - started < 2
