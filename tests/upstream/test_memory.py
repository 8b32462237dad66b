"""What an answer may take of a worker's memory, measured in processes of their own."""

import subprocess
import sys

import pytest

from tests.upstream.conftest import Serve
from tests.upstream.loopback import Says, Wire
from tests.upstream.pictures import jpeg
from upstream import images, results

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MEGABYTE = 1_000_000
BODY = 60 * MEGABYTE


def grown(*arguments: str) -> int:
    command = [sys.executable, "-m", "tests.upstream.peak_memory", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def test_large_images_from_many_threads_are_decoded_a_few_at_a_time() -> None:
    one = 64_000_000 * 4
    found = grown("decode")
    # Both ends: a growth below one image would mean that nothing was decoded.
    assert one < found < (images.DECODED_AT_ONCE + 0.5) * one


def test_large_json_from_many_threads_is_unpacked_a_little_at_a_time() -> None:
    # Bodies beyond 32 MB, whose memory goes back at once: smaller pieces stay with their thread.
    text = 40 * MEGABYTE * 4 // 3
    found = grown("unpack")
    assert text < found < (3 * results.UNPACKED_AT_ONCE + 1) * text


@pytest.mark.parametrize("told", [True, False])
def test_a_large_body_is_held_once(told: bool, serve: Serve) -> None:
    # A whole image with a long tail, which no decoder reads.
    body = jpeg() + bytes(BODY)

    def untold(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + body)

    server = serve(Says(200, body) if told else untold)
    assert BODY < grown("call", server.url) < 1.4 * BODY
