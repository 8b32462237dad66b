import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, UnidentifiedImageError

from tests.sandbox.sandbox_process import SandboxProcess, decoded

SIDE = 60_000


def faulted(sandbox: SandboxProcess, runs: bool = False, **effect: Any) -> Any:
    sandbox.faults({"runs": runs, "effect": effect})
    return sandbox.call()


@pytest.mark.parametrize("status", [200, 201, 204, 205, 301, 304, 403, 422, 429, 502, 599])
def test_any_final_status_is_answered_and_the_connection_lives(
    sandbox: SandboxProcess, status: int
) -> None:
    answer = faulted(sandbox, kind="status", status=status, error="on demand")
    assert answer.status_code == status
    if status in (204, 205, 304):
        assert answer.content == b""
    else:
        assert answer.json() == {"error": "on demand"}
    assert "connection" not in answer.headers
    assert sandbox.call().status_code == 200
    rows = [(row["status"], row["cost"], row["fault"]) for row in sandbox.ledger()]
    assert rows == [(status, "0", "status"), (200, "0.006", None)]


def test_a_401_has_the_members_of_the_auth_surface(sandbox: SandboxProcess) -> None:
    answer = faulted(sandbox, kind="status", status=401)
    assert set(answer.json()) == {"error", "error_description", "status_code"}


def test_the_forms_of_a_body(sandbox: SandboxProcess) -> None:
    page = faulted(sandbox, kind="status", status=200, body="html", error="Bad <Gateway>")
    assert page.headers["content-type"].startswith("text/html")
    assert "Bad &lt;Gateway&gt;" in page.text
    text = faulted(sandbox, kind="status", status=502, body="text", error="Ärger")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text == "Ärger"
    empty = faulted(sandbox, kind="status", status=504, body="empty")
    assert (empty.status_code, empty.content) == (504, b"")
    raw = faulted(
        sandbox, kind="status", status=200, body="raw", raw='{"a": ', content_type="image/jpeg"
    )
    assert (raw.content, raw.headers["content-type"]) == (b'{"a": ', "image/jpeg")
    unnamed = faulted(sandbox, kind="status", status=502, body="raw", raw="a")
    assert "content-type" not in unnamed.headers
    named = faulted(sandbox, kind="status", status=503)
    assert named.json() == {"error": "Service Unavailable"}


def test_headers_are_added_or_replaced(sandbox: SandboxProcess) -> None:
    told = {"X-Cost": "0.5", "Content-Type": "application/problem+json", "location": "/b"}
    answer = faulted(sandbox, kind="status", status=307, headers=told)
    assert {name: answer.headers[name] for name in told} == told
    assert len(answer.headers.get_list("content-type")) == 1


def test_a_429_states_its_reset_by_the_settings(sandbox: SandboxProcess) -> None:
    name = "x-rate-limit-reset-at-utc"
    assert name in faulted(sandbox, kind="status", status=429).headers
    assert name not in faulted(sandbox, kind="status", status=503).headers
    given = faulted(sandbox, kind="status", status=429, headers={name: "soon"})
    assert given.headers.get_list(name) == ["soon"]
    sandbox.change(reset_header="never")
    assert name not in faulted(sandbox, kind="status", status=429).headers
    sandbox.change(rpm=1, window_seconds=500)
    faulted(sandbox, kind="status", status=429)
    assert sandbox.call().status_code == 200  # the faults were not counted


@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize("value", ["text/html; charset=utf-8", "image/webp", None])
def test_the_true_image_under_another_content_type(
    sandbox: SandboxProcess, value: str | None, runs: bool
) -> None:
    true = sandbox.call().content
    answer = faulted(sandbox, runs, kind="content_type", value=value)
    assert answer.headers.get("content-type") == value
    decoded(answer.content)
    assert (answer.content == true) is runs
    row = sandbox.ledger()[1]
    assert answer.headers["x-request-id"] == row["id"]
    assert answer.headers["x-cost"] == row["cost"] == ("0.006" if runs else "0")
    assert answer.headers["x-seed-value"] == "7"


@pytest.mark.parametrize("runs", [False, True])
def test_a_bomb_is_small_and_unpacks_to_all_its_pixels(sandbox: SandboxProcess, runs: bool) -> None:
    answer = faulted(sandbox, runs, kind="bomb")
    assert answer.headers["content-type"] == "image/png"
    assert len(answer.content) < 600_000
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    place, chunks = 8, {}
    while place < len(answer.content):
        (length,) = struct.unpack_from(">I", answer.content, place)
        name, data = (
            answer.content[place + 4 : place + 8],
            answer.content[place + 8 : place + 8 + length],
        )
        assert struct.unpack_from(">I", answer.content, place + 8 + length) == (
            zlib.crc32(name + data),
        )
        chunks[name] = data
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBB", chunks[b"IHDR"][:10]) == (SIDE, SIDE, 1, 0)
    unpacker, rest, size = zlib.decompressobj(), chunks[b"IDAT"], 0
    while rest and not unpacker.eof:
        size += len(unpacker.decompress(rest, 10_000_000))
        rest = unpacker.unconsumed_tail
    assert unpacker.eof  # the checksum was right too
    assert size == SIDE * (1 + SIDE // 8)


@pytest.mark.parametrize("length", [0, 1, 1_000, 100_000])
def test_garbage_is_no_image(sandbox: SandboxProcess, length: int) -> None:
    answer = faulted(sandbox, kind="garbage", bytes=length)
    assert answer.headers["content-type"] == "image/jpeg"
    assert len(answer.content) == length
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("runs", [False, True])
def test_a_cut_image_shows_itself_only_when_it_is_decoded(
    sandbox: SandboxProcess, runs: bool
) -> None:
    whole = sandbox.call().content
    answer = faulted(sandbox, runs, kind="garbage", cut=True)
    assert answer.headers["content-length"] == str(len(answer.content))
    if runs:
        assert answer.content == whole[: len(whole) // 2]
    image = Image.open(io.BytesIO(answer.content), formats=("JPEG",))
    with image, pytest.raises(OSError, match="truncated"):
        image.load()
