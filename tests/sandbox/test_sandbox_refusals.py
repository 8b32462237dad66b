import pytest

from tests.sandbox.sandbox_process import KEY, OTHER_KEY, SandboxProcess

JSON = "application/json"
GOOD = b'{"image": "https://example.org/a.png", "prompt": "a"}'


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-api-key", "")],
        [("x-api-key", "SG_0000000000000000")],
        [("x-api-key", "SG_0123456789abcde")],
        [("x-api-key", KEY.lower())],
        [("x-api-key", f"Bearer {KEY}")],
        [("x-api-key", KEY), ("x-api-key", OTHER_KEY)],
        [("authorization", f"Bearer {KEY}")],
    ],
    ids=str,
)
def test_only_a_known_key_in_its_header_passes(
    sandbox: SandboxProcess,
    headers: list[tuple[str, str]],
) -> None:
    for verb, path in (
        ("POST", "/v1/ssd-canny"),
        ("PUT", "/v1/nothing"),
        ("GET", "/v1/get-user-credits"),
    ):
        answer = sandbox.http.request(verb, path, headers=headers)
        assert answer.status_code == 401
        assert set(answer.json()) == {"error", "error_description", "status_code"}
        assert answer.json()["status_code"] == 401
    assert sandbox.ledger() == []


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_another_verb_is_405_in_html(sandbox: SandboxProcess, verb: str) -> None:
    answer = sandbox.http.request(verb, "/v1/ssd-canny", headers={"x-api-key": KEY})
    assert answer.status_code == 405
    assert answer.headers["content-type"].startswith("text/html")


def test_an_unknown_model_or_path_is_404(sandbox: SandboxProcess) -> None:
    assert sandbox.call(model="ssd-kanny").json() == {"error": "Model not found: ssd-kanny"}
    for path in ("/", "/v1", "/v1/ssd-canny/", "/v3/ssd-canny", "/v1/a/b"):
        answer = sandbox.http.post(path, json={}, headers={"x-api-key": KEY})
        assert answer.status_code == 404
        assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "multipart/form-data", "application/json2", JSON + "; charset=latin-1"],
)
def test_another_content_type_is_406(sandbox: SandboxProcess, kind: str) -> None:
    answer = sandbox.send(GOOD, kind)
    assert answer.status_code == 406
    assert answer.json() == {"error": "Invalid content type"}


def test_a_charset_of_utf_8_is_fine(sandbox: SandboxProcess) -> None:
    assert sandbox.send(GOOD, JSON + "; charset=UTF-8").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"a"',
        b"null",
        GOOD + b"}",
        GOOD[:-1],
        b"\xff" + GOOD,
        b'{"prompt": "\xe9"}',
        GOOD[:-1] + b', "guidance_scale": NaN}',
        GOOD[:-1] + b', "guidance_scale": Infinity}',
        GOOD[:-1] + b', "guidance_scale": 1e999}',
        GOOD[:-1] + b', "prompt": "b"}',
        GOOD[:-1] + b', "negative_prompt": "\\ud800"}',
        GOOD[:-1] + b', "seed": 1' + b"0" * 5_000 + b"}",
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body[-40:]),
)
def test_anything_but_a_strict_json_object_is_400(sandbox: SandboxProcess, body: bytes) -> None:
    answer = sandbox.send(body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Invalid JSON body: ")
    assert sandbox.credits() == "100"


def test_an_absurd_body_is_413(sandbox: SandboxProcess) -> None:
    assert sandbox.send(b" " * 30_000_001).status_code == 413
    assert sandbox.send(b" " * 30_000_000).status_code == 400


def test_an_absurd_body_of_unstated_length_is_413(sandbox: SandboxProcess) -> None:
    pieces = (b" " * 1_000_000 for _ in range(35))
    headers = {"x-api-key": KEY, "content-type": JSON}
    answer = sandbox.http.post("/v1/ssd-canny", content=pieces, headers=headers)
    assert answer.status_code == 413
    assert sandbox.call().status_code == 200


def test_a_large_body_without_a_key_is_401_and_the_connection_lives(
    sandbox: SandboxProcess,
) -> None:
    assert sandbox.http.post("/v1/ssd-canny", content=b" " * 5_000_000).status_code == 401
    assert sandbox.call().status_code == 200


def test_the_checks_stand_in_their_documented_order(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=1, window_seconds=3000, credits=0)
    key = {"x-api-key": KEY}
    text = key | {"content-type": "text/plain"}
    post = sandbox.http.post
    assert post("/v1/none", headers={"content-type": "text/plain"}).status_code == 401
    assert sandbox.http.put("/v1/none", headers=text).status_code == 405
    assert post("/v1/none", headers=text).status_code == 404
    assert post("/v1/ssd-canny", headers=text).json() == {"error": "Invalid content type"}
    assert sandbox.send(b"{").json() == {"error": "Insufficient credits"}
    assert sandbox.send(b"{").status_code == 429
