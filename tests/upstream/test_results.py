import base64
import json

import pytest

from tests.upstream.loopback import KEY
from tests.upstream.pictures import jpeg, picture
from upstream import multipart as multipart_body
from upstream import results
from upstream.images import Rejection
from upstream.key import Key
from upstream.results import Found

PNG = picture("PNG")
JPEG64 = base64.b64encode(jpeg()).decode()
PNG64 = base64.b64encode(PNG).decode()


def read(content_type: str, body: bytes) -> tuple[Found, str]:
    return results.read(content_type, body, Key(KEY))


def types(found: Found) -> list[str]:
    assert not isinstance(found, Rejection), found.reason
    return [image.content_type for image in found]


def multipart(*parts: tuple[str, bytes], eol: bytes = b"\r\n", end: bytes = b"--") -> bytes:
    body = b"preamble" + eol
    for head, data in parts:
        body += b"--=_b" + eol + head.encode().replace(b"\n", eol) + eol + eol + data + eol
    return body + b"--=_b" + end + eol


@pytest.mark.parametrize(
    "content_type",
    ["image/jpeg", "IMAGE/JPEG; q=1", "image/png", "", "application/octet-stream"],
)
def test_raw_bytes_are_one_image_of_the_type_they_are(content_type: str) -> None:
    found, form = read(content_type, jpeg())
    assert (types(found), form) == (["image/jpeg"], "raw")


@pytest.mark.parametrize(
    ("value", "expected", "form"),
    [
        ({"image": JPEG64, "seed": 5}, ["image/jpeg"], "json"),
        ({"image": f"data:image/jpeg;base64,{PNG64}"}, ["image/png"], "json"),
        ({"image": JPEG64.rstrip("=")}, ["image/jpeg"], "json"),
        ({"image": JPEG64[:60] + "\n" + JPEG64[60:]}, ["image/jpeg"], "json"),
        ({"image": [JPEG64, PNG64]}, ["image/jpeg", "image/png"], "json-list"),
        ({"images": [PNG64]}, ["image/png"], "json-list"),
        ([JPEG64], ["image/jpeg"], "json-list"),
    ],
)
def test_json_with_one_image_or_a_list(value: object, expected: list[str], form: str) -> None:
    found, came = read("application/json; charset=utf-8", json.dumps(value).encode())
    assert (types(found), came) == (expected, form)


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_multipart_gives_each_image_part(eol: bytes) -> None:
    body = multipart(
        ("Content-Type: application/json", b'{"seed": 1}'),
        ("Content-Type: image/jpeg\nContent-Disposition: inline", jpeg()),
        ("content-type: image/png\nContent-Transfer-Encoding: base64", PNG64.encode()),
        ("Content-Type: image/png", PNG + b"\r\n\n"),
        eol=eol,
    )
    found, form = read('multipart/mixed; boundary="=_b"', body)
    assert (types(found), form) == (["image/jpeg", "image/png", "image/png"], "multipart")
    assert not isinstance(found, Rejection)
    assert found[0].data == jpeg()
    assert found[2].data == PNG + b"\r\n\n"


@pytest.mark.parametrize(
    ("content_type", "body", "named"),
    [
        ("text/html; charset=utf-8", b"<h1>Welcome</h1>", "text/html, not an image: Welcome"),
        ("text/plain", b"all is well", "all is well"),
        ("application/json", b'{"error": "Model crashed"}', "Model crashed"),
        ("application/json", b'{"image": null}', "without an image"),
        ("application/json", b'{"image": 5}', "neither text nor a list"),
        ("application/json", b'{"image": ["!"]}', "not base64"),
        ("application/json", b'{"image": "aGVsbG8="}', "no image of a known type"),
        ("application/json", b'{"image": "https://a.example/b.png"}', "address"),
        ("application/json", b"7", "neither text nor a list"),
        ("application/json", b"[" * 100_000, "cannot be read as JSON"),
        ("image/jpeg", b'{"error": "Model crashed"}', "Model crashed"),
        ("image/jpeg", b"", "0 bytes"),
        ("", b"", "no stated type"),
        ("multipart/mixed", b"", "no boundary"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n--b--", "no image in it"),
        ("video/mp4", b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    ],
)
def test_anything_else_is_rejected_and_named(content_type: str, body: bytes, named: str) -> None:
    found, _ = read(content_type, body)
    assert isinstance(found, Rejection)
    assert named in found.reason


def test_half_of_what_was_paid_for_is_not_taken() -> None:
    found, form = read("application/json", json.dumps({"image": [JPEG64, "aGVsbG8="]}).encode())
    assert isinstance(found, Rejection)
    assert form == "json-list"


def test_more_images_than_can_be_asked_for_are_not_decoded() -> None:
    many = json.dumps({"image": [PNG64] * (results.MOST_IMAGES + 1)}).encode()
    assert isinstance(read("application/json", many)[0], Rejection)
    parts = [("Content-Type: image/png", PNG)] * (results.MOST_IMAGES + 1)
    assert isinstance(read("multipart/mixed; boundary==_b", multipart(*parts))[0], Rejection)


def test_what_may_have_been_cut_off_says_so() -> None:
    cut = [
        ("image/png", PNG[:-30]),
        ("application/json", b'{"image": "abc'),
        ("multipart/mixed; boundary==_b", multipart(("Content-Type: image/png", PNG), end=b"x")),
    ]
    for content_type, body in cut:
        found, _ = read(content_type, body)
        assert isinstance(found, Rejection)
        assert found.incomplete, content_type


def test_a_body_of_many_parts_is_not_read_to_its_end() -> None:
    body = b"--b" + b"\r\n\r\nx\r\n--b" * 1_000 + b"--"
    parts = multipart_body.split(body, "b")
    assert parts is not None
    assert len(parts) == multipart_body.MOST_PARTS + 1
