"""What leaves: one request, as it was given, where it was meant to go, and when it may."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import INPUTS, Connect, Serve, generate
from tests.upstream.loopback import KEY, Says, Wire, answer
from tests.upstream.pictures import jpeg
from upstream import connections


def test_the_request_is_what_the_api_asks_for(serve: Serve, connect: Connect) -> None:
    server = serve(Says())
    generate(connect(f"{server.url}/v1"))
    (request,) = server.requests
    assert request.line == "POST /v1/ssd-canny HTTP/1.1"
    assert dict(request.headers) == {
        "host": f"127.0.0.1:{server.port}",
        "x-api-key": KEY,
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "segq/0.1.0",
    }
    assert json.loads(request.body) == INPUTS


def test_every_value_is_sent_as_it_was_given(serve: Serve, connect: Connect) -> None:
    text = (
        '{"image":"https://example.org/ä.png","seed":999999999999999,"guidance_scale":7.5,'
        '"controlnet_scale":0.1,"base64":false,"samples":1,"prompt":"\\"naïve\\" ☕\\n","none":null}'
    )
    server = serve(Says())
    client = connect(server)
    client.generate("ssd-canny", json.loads(text), may_send=lambda: True)
    assert server.requests[0].body == text.encode()


def test_inputs_without_a_json_form_are_an_error_before_anything_is_sent(
    serve: Serve, connect: Connect
) -> None:
    server = serve(Says())
    client = connect(server)
    with pytest.raises(ValueError, match="not JSON compliant"):
        generate(client, guidance_scale=float("nan"))
    with pytest.raises(UnicodeEncodeError):
        generate(client, prompt="\ud800")
    assert server.connections == 0


def test_a_reply_says_what_came_and_when(serve: Serve, connect: Connect) -> None:
    headers = {"Content-Type": "image/jpeg", "X-Request-Id": "req-1", "X-Seed-Value": "42"}
    server = serve(Says(headers=headers))
    before = datetime.now(UTC)
    reply = generate(connect(server))
    assert isinstance(reply.result, tuple)
    assert [image.data for image in reply.result] == [jpeg()]
    assert (reply.status, reply.form) == (200, "raw")
    assert (reply.facts.request_id, reply.facts.seed) == ("req-1", 42)
    assert reply.sent_at is not None
    assert before <= reply.sent_at <= reply.arrived_at <= datetime.now(UTC)
    assert reply.sent_monotonic is not None


def test_a_redirect_is_not_followed_and_the_key_stays_here(serve: Serve, connect: Connect) -> None:
    elsewhere = serve(Says())
    for status in (301, 302, 303, 307, 308):
        server = serve(Says(status, b"", {"Location": f"{elsewhere.url}/v1/ssd-canny"}))
        reply = generate(connect(server))
        assert isinstance(reply.result, Failure)
        assert reply.result.kind is FailureKind.BAD_REQUEST_FORM
        assert reply.result.status == status
        assert "redirect" in reply.result.message
    assert elsewhere.connections == 0


def test_the_environment_changes_nothing(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy, server = serve(Says()), serve(Says())
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy.url)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    generate(connect(server))
    assert proxy.connections == 0
    assert "authorization" not in server.requests[0].headers


def test_cookies_are_not_sent_back(serve: Serve, connect: Connect) -> None:
    server = serve(Says(headers={"Content-Type": "image/jpeg", "Set-Cookie": "a=b; Path=/"}))
    client = connect(server)
    for _ in range(2):
        generate(client)
    assert "cookie" not in server.requests[1].headers


def test_no_call_leaves_without_leave(serve: Serve, connect: Connect) -> None:
    server = serve(Says())
    client = connect(server)
    reply = client.generate("ssd-canny", INPUTS, may_send=lambda: False)
    assert isinstance(reply.result, Failure)
    assert reply.result.kind is FailureKind.NOT_SENT
    assert (reply.sent_at, reply.sent_monotonic, reply.status) == (None, None, None)
    generate(client)
    assert len(server.requests) == 1


def test_leave_is_asked_when_the_connection_stands(serve: Serve, connect: Connect) -> None:
    server = serve(Says())
    accepted = []
    came = threading.Event()

    def may_send() -> bool:
        came.wait(1)
        accepted.append((server.connections, len(server.requests)))
        return True

    def script(wire: Wire) -> None:
        came.set()
        Says()(wire)

    server.script = script
    client = connect(server)
    for _ in range(2):
        client.generate("ssd-canny", INPUTS, may_send=may_send)
    # Asked for a reused connection too, and each time before anything was sent.
    assert accepted == [(1, 0), (1, 1)]


def test_a_connection_is_reused_while_it_is_fresh(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(Says())
    client = connect(server)
    for _ in range(3):
        generate(client)
    assert server.connections == 1
    monkeypatch.setattr(connections, "IDLE_LIMIT", -1.0)
    generate(client)
    assert server.connections == 2


def test_no_post_goes_on_a_connection_that_was_idle_for_more_than_five_seconds() -> None:
    assert connections.IDLE_LIMIT <= 5


def test_a_connection_that_the_server_closed_is_not_reused(serve: Serve, connect: Connect) -> None:
    closed = threading.Event()

    def once(wire: Wire) -> None:
        wire.request()
        wire.send(answer(200, jpeg(), {"Content-Type": "image/jpeg"}))
        wire.close()
        closed.set()

    server = serve(once)
    client = connect(server)
    for _ in range(2):
        assert isinstance(generate(client).result, tuple)
        assert closed.wait(5)
        closed.clear()
    assert len(server.requests) == 2


def test_many_threads_share_a_client(serve: Serve, connect: Connect) -> None:
    server = serve(Says())
    client = connect(server)
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(generate(client).result)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 4
    assert all(isinstance(result, tuple) for result in results)
