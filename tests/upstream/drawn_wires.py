"""Hypothesis strategies for what a server may write on a connection, good and broken."""

import base64
import gzip
import json
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.upstream.loopback import KEY
from tests.upstream.pictures import jpeg, picture

COST = "0.0061"
PNG = picture("PNG")
JPEG64 = base64.b64encode(jpeg()).decode()
PNG64 = base64.b64encode(PNG).decode()


@dataclass(frozen=True)
class Body:
    content_type: str
    data: bytes
    images: tuple[bytes, ...] = ()
    """What must be found in it; none where it holds no image."""


@dataclass(frozen=True)
class Wire:
    """What one connection carries, and what is known of it."""

    data: bytes
    status: int | None
    """None where the status line is broken."""
    body: Body
    exact: bool
    """Nothing is broken, cut off or ambiguous: the client must understand all of it."""
    short: bool
    """The connection ends before the length that was told, or the last chunk."""
    reset: bool
    keep: bool
    """The connection goes on."""


def _json(value: object, *images: bytes) -> Body:
    return Body("application/json", json.dumps(value).encode(), images)


def _multipart(kind: str, *parts: tuple[str, bytes]) -> bytes:
    head = b'\r\nContent-Disposition: form-data; name="image"' if kind == "form-data" else b""
    written = (
        b"--b" + head + b"\r\nContent-Type: " + label.encode() + b"\r\n\r\n" + data + b"\r\n"
        for label, data in parts
    )
    return b"".join(written) + b"--b--\r\n"


PAIR = (("image/jpeg", jpeg()), ("image/png", PNG))
WITH_IMAGES = [
    Body("image/jpeg", jpeg(), (jpeg(),)),
    Body("image/png", PNG, (PNG,)),
    Body("", PNG, (PNG,)),
    Body("text/html; charset=utf-8", jpeg(), (jpeg(),)),
    Body("application/json", PNG, (PNG,)),
    Body("text/plain", JPEG64.encode(), (jpeg(),)),
    _json({"image": JPEG64, "seed": 5}, jpeg()),
    _json({"image": f"data:image/png;base64,{PNG64}"}, PNG),
    _json({"image": [JPEG64, PNG64]}, jpeg(), PNG),
    _json({"images": [PNG64]}, PNG),
    _json([JPEG64], jpeg()),
    Body("image/jpeg", json.dumps({"image": JPEG64}).encode(), (jpeg(),)),
    Body("text/plain", json.dumps([PNG64, JPEG64]).encode(), (PNG, jpeg())),
    Body("multipart/mixed; boundary=b", _multipart("mixed", *PAIR), (jpeg(), PNG)),
    Body("multipart/form-data; boundary=b", _multipart("form-data", *PAIR), (jpeg(), PNG)),
    Body("application/octet-stream", _multipart("mixed", ("image/png", PNG)), (PNG,)),
]
WITHOUT = [
    Body("image/jpeg", b""),
    Body("image/jpeg", jpeg()[:300]),
    Body("", b"\0" * 50),
    Body("text/html", b"<html><h1>Bad gateway</h1>" + KEY.encode()),
    Body("text/plain", b"Internal Polling Error"),
    _json({"error": f"Insufficient credits for {KEY}"}),
    _json({"error": "Invalid value for parameter guidance_scale"}),
    _json({"error": "echo", "image": JPEG64}),
    _json({"image": None}),
    _json({"image": "https://images.example.org/a.png"}),
    _json([[[]]]),
    Body("application/json", b'{"image": "'),
    Body("multipart/mixed; boundary=b", b"--b\r\nContent-Type: \xff;;=\r\nx\r\n--b--"),
]
_latin = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=8)
bodies = st.one_of(
    st.sampled_from(WITH_IMAGES),
    st.sampled_from(WITHOUT),
    st.builds(
        Body, st.sampled_from(["image/webp", "application/json", ""]), st.binary(max_size=30)
    ),
)
statuses = st.one_of(
    st.sampled_from([200, 200, 200, 406, 429, 500, 502, 503, 504]),
    st.integers(200, 599),
    st.integers(600, 999),
)
status_lines = st.sampled_from(
    [
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 OK\r\n",
        b"HTTP/1.1\r\n",
        b"HTTP/3 200 OK\r\n",
        b"ICY 200 OK\r\n",
        b"SSH-2.0-server\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 200 " + b"O" * 70_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"",
    ]
)
before = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 102 Processing\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
            b"HTTP/1.1 199 Whatever\r\nX-Cost: 5\r\nContent-Length: 4\r\n\r\n",
        ]
    ),
    max_size=2,
)
harmless = st.lists(
    st.one_of(
        st.builds(lambda value: f"X-Seed-Value: {value}", _latin),
        st.builds(lambda value: f"X-Request-Id: {value}", _latin | st.just(f"for {KEY}")),
        st.builds(lambda value: f"X-Remaining-Credits: {value}", _latin),
        st.builds(lambda value: f"Date: {value}", _latin),
        st.sampled_from(
            [
                "X-Rate-Limit-Reset-At-UTC: 2026-09-01T12:30:15",
                "X-Rate-Limit-Reset-At-UTC: soon",
                "X-Generation-Time: 5.9",
                "X-Generation-Time: 1e999",
                "X-Folded: one\r\n two\r\n\tthree",
                "X-Remaining-Credits: 1\r\n 2",
                "X-Long: " + "é" * 9_000,
                "Set-Cookie: a=b\r\nSet-Cookie: c=d",
                "Location: http://127.0.0.1:9/",
                "Retry-After: 1",
            ]
        ),
    ),
    max_size=3,
)
broken_headers = st.sampled_from(
    [
        "Content-Length: {length}\r\nContent-Length: 7",
        "Content-Length: -{length}",
        "Content-Length: {length}, {length}",
        "Content-Length: many",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Content-Encoding: gzip",
        "Content-Encoding: deflate\r\nContent-Length: {length}",
        "Content-Type: text/html\r\nContent-Type: image/png",
        "no colon here",
        " folded at the start",
        ": empty name",
        "X-Long: " + "a" * 70_000,
        "\r\n".join(f"X-{n}: {n}" for n in range(120)),
        "X-Null: \0",
    ]
)


@st.composite
def wires(draw: st.DrawFn) -> Wire:
    body = draw(bodies)
    framing = draw(st.sampled_from(["length", "length", "chunks", "close", "gzip", "broken"]))
    spoilt = draw(st.sampled_from(["", "", "", "", "status", "cut", "reset", "longer", "chunks"]))
    status = None if spoilt == "status" else draw(statuses)
    payload = gzip.compress(body.data, 1) if framing == "gzip" else body.data
    lines = draw(harmless)
    if body.content_type:
        lines.append(f"Content-Type: {body.content_type}")
    lines.append(f"X-Cost: {COST}")
    told = len(payload)
    if spoilt == "longer":
        told += draw(st.integers(1, 20)) * draw(st.sampled_from([-1, 1]))
    if framing in {"length", "gzip"}:
        lines.append(f"Content-Length: {max(told, 0)}")
    if framing == "gzip":
        lines.append("Content-Encoding: gzip")
    if framing == "chunks":
        lines.append("Transfer-Encoding: chunked")
        payload = draw(_chunked(payload, broken=spoilt == "chunks"))
    if framing == "broken":
        lines.append(draw(broken_headers).format(length=told))
    first = draw(status_lines) if status is None else b"HTTP/1.1 %d Words\r\n" % status
    head = b"".join(draw(before)) + first + "\r\n".join([*lines, "", ""]).encode("latin-1")
    data = head + payload
    cut = len(data)
    if spoilt in {"cut", "reset"}:
        cut = draw(st.integers(0, len(data) - 1) | st.integers(max(len(head) - 5, 0), len(data)))
    whole = cut >= len(data)
    without_body = status in {204, 304}
    exact = whole and framing != "broken" and spoilt in {"", "cut"} and not without_body
    told_more = framing in {"length", "gzip"} and len(head) <= cut < len(head) + told
    return Wire(
        data=data[:cut],
        status=status,
        body=body,
        exact=exact,
        short=status is not None and not without_body and told_more,
        reset=spoilt == "reset",
        keep=exact and framing != "close",
    )


@st.composite
def _chunked(draw: st.DrawFn, payload: bytes, *, broken: bool) -> bytes:
    size = draw(st.integers(1, 400))
    extension = draw(st.sampled_from([b"", b";a=b"]))
    chunks = [payload[at : at + size] for at in range(0, len(payload), size)]
    written = [b"%x%b\r\n%b\r\n" % (len(one), extension, one) for one in chunks]
    written.append(b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"])) + b"\r\n")
    if broken:
        at = draw(st.integers(0, len(written) - 1))
        written[at] = draw(st.sampled_from([b"zz\r\n", b"-5\r\n", b"ffffffff\r\n", b"\r\n", b""]))
    return b"".join(written)
