"""What is not exactly one whole picture is refused, by name, and leaves neither a file nor a row."""

import io
import struct
import time
import zipfile
import zlib

import httpx
import pytest
from PIL import Image
from sqlalchemy import func, select

from db.tables import inputs
from tests.gateway.conftest import SMALL_INPUT, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import (
    bitmap,
    claims,
    data_uri,
    encoded,
    photograph,
    picture,
    with_chunks,
    with_scans,
    with_segment,
)

KINDS = ("JPEG", "PNG", "WEBP")
FRAMES = [Image.new("RGB", (16, 12), colour) for colour in ("red", "green", "blue")]


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a.txt", "hello")
    return file.getvalue()


def several(kind: str) -> bytes:
    return encoded(FRAMES[0], kind, save_all=True, append_images=FRAMES[1:])


def svg(head: str = "") -> bytes:
    return f'{head}\n<svg xmlns="http://www.w3.org/2000/svg"/>'.encode()


def webp_of(more: bytes) -> bytes:
    """A WebP with more chunks behind its picture, and a header that says so."""
    data = picture("WEBP") + more
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


SMALL_TEXT = (b"zTXt", b"a\0\0" + zlib.compress(b"a text"))
FOREIGN = [
    (encoded(photograph(), "GIF"), "a GIF"),
    (encoded(photograph(), "AVIF"), "an AVIF"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "a HEIC"),
    (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(100), "an AVIF"),
    (b"\0\0\0\x18ftypisom\0\0\0\0isommp41" + bytes(100), "a video"),
    (encoded(photograph(), "TIFF"), "a TIFF"),
    (b"MM\0*" + bytes(100), "a TIFF"),
    (encoded(photograph(), "BMP"), "a BMP"),
    (encoded(photograph(), "ICO"), "an icon"),
    (encoded(photograph(), "JPEG2000"), "a JPEG 2000"),
    (svg(), "an SVG"),
    (svg('\ufeff<?xml version="1.0"?><!-- drawn -->'), "an SVG"),
    (b"<!DOCTYPE html><title>x</title>", "an HTML page"),
    (encoded(photograph(), "PDF"), "a PDF"),
    (archive(), "a ZIP archive"),
    (b"RIFF\x24\0\0\0WAVEfmt ", "a RIFF file of sound or video"),
    (archive() + picture(), "a ZIP archive"),
    (b"<html>" + picture(), "an HTML page"),
]
BEHIND = [
    (archive(), "a ZIP archive"),
    (b"<html><script>alert(1)</script>", "an HTML page"),
    (b"%PDF-1.7\n", "a PDF"),
    (b"\n%PDF-1.7\n", "a PDF"),
    (b"MZ" + bytes(300), "a program"),
    (picture("PNG"), "a PNG"),
    (b"secret", "6 bytes of something else"),
]
ODD = [
    (several("PNG"), "is an animated PNG with 3 frames; send one picture"),
    (several("WEBP"), "is an animated WebP with 3 frames; send one picture"),
    (several("MPO"), "is a JPEG with a second picture behind its end (MPO); send one picture"),
    (picture() + picture(), "is a JPEG with a second picture behind its end (MPO)"),
    (picture() + bytes(4_097), "is a JPEG with 4,097 bytes of something else behind its end"),
    (b"\xff\xd8\xff\xd9", "is a JPEG without a picture in it"),
    (b"\xff\xd8\xff" + bytes(200), "is a JPEG with a damaged segment at byte"),
    (with_scans(101), "is a JPEG of more than 100 scans"),
    (
        with_scans(41, Image.new("L", (5_000, 2_000))),
        "is a JPEG of too many scans for its 10,000,000 pixels: at most 40; save it with fewer",
    ),
    (with_segment(picture(), 0xC2, bytes(15)), "must have a size, not 0 by 0"),
    (
        b"\xff\xd8" + b"\xff\xe0\0\2" * 2_000 + picture()[2:],
        "is a JPEG of more than 2,000 segments",
    ),
    (claims("JPEG", 65_500, 65_500), "must have at most 40,000,000 pixels, not 65,500 by 65,500"),
    (claims("PNG", 50_000, 50_000), "must have at most 40,000,000 pixels, not 50,000 by 50,000"),
    (claims("WEBP", 16_383, 16_383), "must have at most 40,000,000 pixels, not 16,383 by 16,383"),
    (bitmap(8000, 5001), "must have at most 40,000,000 pixels, not 8,000 by 5,001"),
    (claims("PNG", 0, 12), "must have a size, not 0 by 12"),
    (claims("PNG", 17, 12), "cannot be decoded as image/png"),
    (with_chunks((b"IHDR", bytes(13))), "is a PNG with two chunks IHDR"),
    (with_chunks((b"t\0xt", b"")), "is a PNG with a damaged chunk at byte 33"),
    (picture("PNG").replace(b"IDAT", b"IDAU"), "is a PNG with a damaged chunk: IDAU"),
    (with_chunks(*[SMALL_TEXT] * 101), "is a PNG with more than 100 chunks of packed metadata"),
    (webp_of(b"odd \0\0\0\0" * 1_000), "is a WebP of more than 1,000 chunks"),
    (with_chunks(*[(b"tEXt", b"a\0b")] * 50_000), "is a PNG of more than 50,000 chunks"),
]
# 200 MB each, packed in 200 kB; and a hundred that unpack to a little less than is allowed to one.
PACKED = zlib.compress(bytes(200_000_000), 9)
PACKED_METADATA = [
    [(b"zTXt", b"a\0\0" + PACKED)],
    [(b"iTXt", b"a\0\1\0\0\0" + PACKED)],
    [(b"iCCP", b"a\0\0" + PACKED)],
    [(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000), 9))] * 90,
]


def refused(gateway: Gateway, client: httpx.Client, image: bytes) -> str:
    """The message about an image that is refused both as an upload and inside a job."""
    before = (gateway.kept_files(), rows(gateway))
    sent = client.post("/api/v1/inputs", content=image, headers={"Content-Type": "image/png"})
    (error,) = is_problem(sent, 422, "invalid-fields")["errors"]
    assert error["field"] == "image"
    body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": data_uri(image)}}
    inside = client.post("/api/v1/jobs", json=body)
    (other,) = is_problem(inside, 422, "invalid-fields")["errors"]
    assert (other["field"], other["message"]) == ("input.image", error["message"])
    assert (gateway.kept_files(), rows(gateway)) == before
    message: str = error["message"]
    return message


def rows(gateway: Gateway) -> int:
    with gateway.database.read() as connection:
        return connection.execute(select(func.count()).select_from(inputs)).scalar_one()


@pytest.mark.parametrize(("image", "name"), FOREIGN, ids=range(len(FOREIGN)))
def test_another_format_is_named_and_what_to_send_instead(
    gateway: Gateway, client: httpx.Client, image: bytes, name: str
) -> None:
    assert refused(gateway, client, image) == f"is {name}; send a JPEG, PNG or WebP image"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("tail", "name"), BEHIND, ids=range(len(BEHIND)))
def test_what_stands_behind_the_end_is_named(
    gateway: Gateway, client: httpx.Client, kind: str, tail: bytes, name: str
) -> None:
    shown = "WebP" if kind == "WEBP" else kind
    message = refused(gateway, client, picture(kind) + tail)
    assert message == f"is a {shown} with {name} behind its end; send the picture alone"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [-1, -2, 0.9, 0.5, 100, 40])
def test_a_file_that_is_cut_off_is_refused(
    gateway: Gateway, client: httpx.Client, kind: str, kept: float
) -> None:
    whole = encoded(photograph(), kind)
    part = whole[: int(len(whole) * kept) if 0 < kept < 1 else int(kept)]
    message = refused(gateway, client, part)
    assert message.endswith("that is cut off: its end is missing; send the whole file")


@pytest.mark.parametrize(("image", "message"), ODD, ids=range(len(ODD)))
def test_several_pictures_bombs_and_damage_are_named(
    gateway: Gateway, client: httpx.Client, image: bytes, message: str
) -> None:
    started = time.monotonic()
    assert refused(gateway, client, image).startswith(message)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("chunks", PACKED_METADATA, ids=range(len(PACKED_METADATA)))
def test_metadata_does_not_unpack_without_bound(
    gateway: Gateway, client: httpx.Client, chunks: list[tuple[bytes, bytes]]
) -> None:
    started = time.monotonic()
    message = refused(gateway, client, with_chunks(*chunks))
    assert "packed metadata" in message or "cannot be decoded as image/png" in message
    assert time.monotonic() - started < 10


def test_a_webp_of_two_pictures_is_refused(gateway: Gateway, client: httpx.Client) -> None:
    two = webp_of(picture("WEBP")[12:])
    assert refused(gateway, client, two) == "is a WebP without exactly one picture in it"
