"""Answers that are paid, whole and of no use: rejected in clear words, and the cost is known."""

import base64
import io
import json
from collections.abc import Callable

import PIL.Image
import pytest

from jobs import money
from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import Connect, Serve, generate
from tests.upstream.loopback import Says, Wire
from tests.upstream.pictures import jpeg, png_that_claims, tiff_in_one_tile
from upstream import transport

PAID = {"X-Cost": "0.0061", "X-Request-Id": "req-1", "Content-Type": "image/png"}
JPEG64 = base64.b64encode(jpeg()).decode()


def rejected(serve: Serve, connect: Connect, script: Callable[[Wire], None]) -> str:
    reply = generate(connect(serve(script)))
    assert isinstance(reply.result, Failure)
    assert (reply.result.kind, reply.status) == (FailureKind.RESULT_REJECTED, 200)
    assert (reply.facts.cost, reply.facts.request_id) == (money.parse("0.0061"), "req-1")
    return reply.result.message


def large_webp() -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (6_000, 5_000)).save(file, "WEBP", method=0, quality=1)
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: png_that_claims(60_000, 60_000), "more than 64,000,000 pixels"),
        (lambda: png_that_claims(8_001, 8_001), "8001 x 8001 pixels, more than 64,000,000"),
        (large_webp, "6000 x 5000 pixels, more than 25,600,000 of image/webp"),
        (lambda: tiff_in_one_tile(16, 30_000), "more than 42,666,666 of image/tiff"),
        (lambda: b'{"image": [' + b"[]," * 100_000 + b"[]]}", "more than 100,000 values"),
        (lambda: b"--b\r\n" + b"\r\n--b" * 1_000 + b"--", "more than 64 parts"),
        (lambda: b"--b" + (b"\r\n\r\n" + jpeg() + b"\r\n--b") * 17 + b"--", "more than 16 images"),
        (lambda: json.dumps([JPEG64] * 17).encode(), "17 images, more than 16"),
        (lambda: json.dumps({"error": "echo", "image": JPEG64}).encode(), "with an error: echo"),
    ],
)
def test_what_would_fill_the_memory_or_is_none(
    make: Callable[[], bytes], words: str, serve: Serve, connect: Connect
) -> None:
    assert words in rejected(serve, connect, Says(200, make(), PAID))


HEAD = "HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in PAID.items())


def test_a_body_without_end(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_BODY", 1_000_000)

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(f"{HEAD}\r\n".encode())
        while True:
            wire.send(bytes(100_000))

    assert "larger than 1,000,000 bytes" in rejected(serve, connect, script)


def test_a_length_that_is_too_large_is_not_waited_for(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(f"{HEAD}Content-Length: 9000000000\r\n\r\n".encode())
        wire.silence()

    assert "larger than 67,108,864 bytes" in rejected(serve, connect, script)
