"""Outputs: fetched from the hosts that serve them, without the key, and looked at."""

import pytest

from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import Connect, Serve
from tests.upstream.loopback import KEY, Loopback, Says, Wire
from tests.upstream.pictures import jpeg, picture, png_that_claims
from upstream import segmind, transport
from upstream.downloads import address
from upstream.endpoints import Endpoints
from upstream.images import look_at
from upstream.key import Key
from upstream.segmind import Segmind

PATH = "/outputs/1.jpeg"


def fetched(server: Loopback, connect: Connect) -> Failure:
    found = connect(server).download(f"{server.url}{PATH}")
    assert isinstance(found, Failure), found
    return found


@pytest.mark.parametrize("data", [jpeg(), picture("PNG"), picture("WEBP")])
def test_an_output_comes_without_the_key_being_sent(
    data: bytes, serve: Serve, connect: Connect
) -> None:
    server = serve(Says(200, data, {"Content-Type": "text/plain"}))
    assert connect(server).download(f"{server.url}{PATH}?a=b#c") == look_at(data)
    (request,) = server.requests
    assert request.line == f"GET {PATH}?a=b HTTP/1.1"
    assert "x-api-key" not in request.headers
    assert KEY not in repr(request)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "images.segmind.com/a.png",
        "/outputs/1.jpeg",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "ftp://images.segmind.com/a.png",
        "https://",
        "https://evil.example/a.png",
        "https://images.segmind.com.evil.example/a.png",
        "https://evil.example/https://images.segmind.com/",
        "https://evil.example#@images.segmind.com/",
        "https://evil.example\\@images.segmind.com/",
        "https://images.segmind.com@evil.example/",
        "https://someone:hunter2@images.segmind.com/a.png",
        "https://images.segmind.com:8443/a.png",
        "https://images.segmind.com:port/a.png",
        "https://images.segmind.com:99999/a.png",
        "https://images.segmind.com./a.png",
        "https://images.se\ngmind.com/a.png",
        "https://images.segmind.com/a b.png",
        "https://\u0130mages.segmind.com/a.png",
        "https://images\u3002segmind.com/a.png",
        "https://images.segmind.com/" + "a" * 10_000,
        "http://169.254.169.254/latest/meta-data",
        "http://[::1/a.png",
    ],
)
def test_no_other_address_is_asked(url: str, serve: Serve) -> None:
    proxy = serve(Says())  # whatever is asked comes by here
    real = Endpoints.from_base_url(None)
    client = Segmind(KEY, real, connections=1, deadline=1, proxy=proxy.url)
    found = client.download(url)
    client.close()
    assert isinstance(found, Failure)
    assert (found.kind, found.status) == (FailureKind.RESULT_REJECTED, None)
    assert "hunter2" not in found.message
    assert proxy.connections == 0


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://Images.Segmind.com", "https://images.segmind.com/"),
        ("http://images.segmind.com/a%20b.png", "http://images.segmind.com/a%20b.png"),
        (
            "https://images.segmind.com:443/ä?x=ö&y",
            "https://images.segmind.com:443/%C3%A4?x=%C3%B6&y",
        ),
        ("https://images.segmind.com/a;b?c=d/e?f#g", "https://images.segmind.com/a;b?c=d/e?f"),
    ],
)
def test_an_address_is_put_together_anew(url: str, asked: str) -> None:
    assert address(url, Endpoints.from_base_url(None), Key(KEY)) == asked


def test_a_letter_that_is_a_hosts_in_lower_case_only_is_another_host() -> None:
    endpoints = Endpoints.from_base_url(None, image_hosts="kept.example")
    assert isinstance(address("https://kept.example/a.png", endpoints, Key(KEY)), str)
    assert isinstance(address("https://\u212aept.example/a.png", endpoints, Key(KEY)), Failure)


def test_a_redirect_is_not_followed(serve: Serve, connect: Connect) -> None:
    elsewhere = serve(Says())
    server = serve(Says(302, b"", {"Location": f"{elsewhere.url}{PATH}"}))
    failure = fetched(server, connect)
    assert (failure.kind, failure.status) == (FailureKind.RESULT_REJECTED, 302)
    assert "redirects are not followed" in failure.message
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [404, 410])
def test_an_output_that_is_gone_is_said_to_be(status: int, serve: Serve, connect: Connect) -> None:
    failure = fetched(serve(Says(status, b"<Error>NoSuchKey</Error>", {})), connect)
    assert (failure.kind, failure.status) == (FailureKind.RESULT_REJECTED, status)
    assert "the output is gone" in failure.message


@pytest.mark.parametrize("status", [400, 401, 403, 406, 451])
def test_a_refusal_says_nothing_of_the_account(status: int, serve: Serve, connect: Connect) -> None:
    """By the table a 401 would pause the account, and a 403 the model."""
    failure = fetched(serve(Says(status, b"<Error>AccessDenied</Error>", {})), connect)
    message = "the output cannot be fetched: AccessDenied"
    assert failure == Failure(FailureKind.RESULT_REJECTED, message, status)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.UPSTREAM_ERROR),
        (502, FailureKind.GATEWAY_ERROR),
        (503, FailureKind.GATEWAY_ERROR),
        (999, FailureKind.GATEWAY_ERROR),
    ],
)
def test_what_may_pass_is_of_the_kinds_of_the_table(
    status: int, kind: FailureKind, serve: Serve, connect: Connect
) -> None:
    assert fetched(serve(Says(status, b"no", {})), connect) == Failure(kind, "no", status)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no image"),
        (b"<html>Not here</html>", "no image"),
        (jpeg()[:300], "do not decode"),
        (png_that_claims(60_000, 60_000), "more than 64,000,000 pixels"),
    ],
)
def test_what_is_no_image_is_rejected(
    body: bytes, words: str, serve: Serve, connect: Connect
) -> None:
    failure = fetched(serve(Says(200, body, {})), connect)
    assert (failure.kind, failure.status) == (FailureKind.RESULT_REJECTED, 200)
    assert words in failure.message


def test_a_body_without_end_is_given_up(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_BODY", 1_000_000)

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            wire.send(bytes(100_000))

    failure = fetched(serve(script), connect)
    assert failure.kind is FailureKind.RESULT_REJECTED
    assert "larger than 1,000,000 bytes" in failure.message


@pytest.mark.parametrize("length", [b"Content-Length: 100000\r\n", b""])
def test_half_an_output_may_be_fetched_again(length: bytes, serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + jpeg()[:300])

    assert fetched(serve(script), connect).kind is FailureKind.CONNECTION_LOST


def test_a_download_has_a_deadline_of_its_own(serve: Serve) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        wire.drip(jpeg())

    server = serve(script)
    endpoints = Endpoints.from_base_url(server.url)
    client = Segmind(KEY, endpoints, connections=1, deadline=30, download_deadline=0.3)
    found = client.download(f"{server.url}{PATH}")
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.CONNECTION_LOST
    assert "within 0.3 s" in found.message
    client.close()
    assert segmind.DOWNLOAD_DEADLINE == 60
