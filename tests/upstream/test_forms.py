"""Every form in which one to four images may come, under right and wrong labels."""

import base64
import json

import pytest

from tests.upstream.loopback import KEY
from tests.upstream.pictures import picture
from upstream import results
from upstream.images import Rejection
from upstream.key import Key

PICTURES = [picture("PNG", (16 + n, 8)) for n in range(4)]
TEXTS = [base64.b64encode(one).decode() for one in PICTURES]
ADDRESS = f"data:image/png;base64,{TEXTS[0]}"
LABELS = [
    "image/png",
    "image/jpeg",
    "application/json",
    "application/octet-stream",
    "text/plain",
    "text/html; charset=utf-8",
    "multipart/mixed; boundary=wrong",
    "multipart/mixed",
    "video/mp4",
    "*/*",
    "",
]


def found(content_type: str, body: bytes) -> tuple[list[bytes], str]:
    images, form = results.read(content_type, body, Key(KEY))
    assert not isinstance(images, Rejection), images.reason
    return [image.data for image in images], form


def as_multipart(count: int, part: str, kind: str = "image/png") -> bytes:
    heads = (
        f'--b\r\nContent-Disposition: {part}; name="image"; filename="{n}.png"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
        for n in range(count)
    )
    parts = (
        head.encode() + data + b"\r\n" for head, data in zip(heads, PICTURES[:count], strict=True)
    )
    return b"".join(parts) + b"--b--\r\n"


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("data", [PICTURES[0], TEXTS[0].encode(), ADDRESS.encode()])
def test_a_body_that_is_an_image_is_taken_under_any_label(label: str, data: bytes) -> None:
    assert found(label, data) == ([PICTURES[0]], "raw")


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_json_is_taken_under_any_label(label: str, count: int) -> None:
    texts, expected = TEXTS[:count], PICTURES[:count]
    addresses = [f"data:image/png;base64,{text}" for text in texts]
    for value in (
        {"image": texts},
        {"images": texts},
        {"image": texts[0], "images": texts},
        {"image": texts, "images": [{"url": "https://images.example.org/1.png"}]},
        {"image": addresses, "seed": 5, "error": None},
        texts,
        addresses,
    ):
        assert found(label, json.dumps(value).encode()) == (expected, "json-list"), value
    for single in ({"image": texts[0]}, {"images": addresses[0]}, texts[0]):
        assert found(label, b"\xef\xbb\xbf \n" + json.dumps(single).encode()) == (
            [PICTURES[0]],
            "json",
        )


@pytest.mark.parametrize("label", ["multipart/mixed; boundary=b", *LABELS])
@pytest.mark.parametrize("part", ["inline", "form-data"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_multipart_is_taken_under_any_label(label: str, part: str, count: int) -> None:
    for kind in ("image/png", "application/octet-stream", "text/plain"):
        body = as_multipart(count, part, kind)
        assert found(label, body) == (PICTURES[:count], "multipart")


def test_json_in_two_bytes_a_character_is_read_where_the_label_says_json() -> None:
    body = json.dumps({"image": TEXTS[0]}).encode("utf-16")
    assert found("application/json", body) == ([PICTURES[0]], "json")


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>Welcome</h1>",
        b"Internal Server Error please try again later",
        b'{"error": "Model crashed"}',
        json.dumps({"error": "Model crashed", "image": TEXTS[0]}).encode(),
        json.dumps({"image": [TEXTS[0], None]}).encode(),
        json.dumps({"image": [TEXTS[0], TEXTS[1][:60]]}).encode(),
        PICTURES[0][:-30],
        as_multipart(2, "inline")[:-40],
        b"--b\r\nContent-Type: image/png\r\n\r\nnothing\r\n--b--",
        as_multipart(1, "inline")[:-7] + b"--b\r\n\r\n" + PICTURES[0][:-30] + b"\r\n--b--",
    ],
)
def test_no_label_makes_an_image_of_what_is_none(label: str, body: bytes) -> None:
    images, _ = results.read(label, body, Key(KEY))
    assert isinstance(images, Rejection)


def test_a_page_without_a_length_is_not_taken_for_the_beginning_of_an_image() -> None:
    images, _ = results.read("text/html", b"<h1>Maintenance</h1>", Key(KEY))
    assert isinstance(images, Rejection)
    assert not images.incomplete
