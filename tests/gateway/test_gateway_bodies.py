import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.gateway.conftest import SMALL_INPUT, is_problem
from tests.gateway.gateway_process import Gateway

BODY = json.dumps({"model": "ssd-canny", "input": SMALL_INPUT})


def with_metadata(text: str) -> str:
    return f'{BODY[:-1]}, "metadata": {text}}}'


def post(client: httpx.Client, body: str | bytes, kind: str = "application/json") -> httpx.Response:
    return client.post("/api/v1/jobs", content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "Expecting value at line 1, column 1 (character 0)"),
        ('{"model":\n "a",}', "line 2, column 6 (character 15)"),
        ("{'model': 1}", "line 1, column 2"),
        (BODY + " x", f"Extra data at line 1, column {len(BODY) + 2}"),
        (b'{"model": "\xff"}', "byte 11 is not UTF-8"),
        (with_metadata('{"a": NaN}'), "NaN is no JSON number"),
        (with_metadata('{"a": -Infinity}'), "-Infinity is no JSON number"),
        (with_metadata('{"a": 1e400}'), "1e400 is too large"),
        (with_metadata(f'{{"a": {"9" * 5000}}}'), "is too large"),
        (with_metadata('{"a": 1, "a": 1}'), "the name 'a' stands twice in one object"),
        (f'{BODY[:-1]}, "model": "ssd-canny"}}', "the name 'model' stands twice"),
        (with_metadata(f'{{"a": {"[" * 31}1{"]" * 31}}}'), "nested at most 32 deep"),
        (with_metadata(f'{{"a": {"[" * 50_000}{"]" * 50_000}}}'), "nested at most 32 deep"),
        (with_metadata(f'{{"a": [{"[],".ljust(3) * 60_000}1]}}'), "at most 100,000 commas"),
    ],
)
def test_a_body_that_is_not_json_is_refused_with_its_place(
    client: httpx.Client, body: str | bytes, why: str
) -> None:
    problem = is_problem(post(client, body), 400, "malformed-request")
    assert why in problem["detail"]
    (error,) = problem["errors"]
    assert why in error["message"]
    assert error["field"]


def test_nesting_up_to_the_bound_is_taken(client: httpx.Client) -> None:
    deep = with_metadata(f'{{"a": {"[" * 29}1{"]" * 29}}}')
    assert post(client, deep).status_code == 202


@pytest.mark.parametrize("body", ["[]", '"x"', "null", "1"])
def test_json_that_is_no_object_names_the_body(client: httpx.Client, body: str) -> None:
    problem = is_problem(post(client, body), 422, "invalid-fields")
    assert [error["field"] for error in problem["errors"]] == ["body"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (with_metadata(r'{"a": "\ud800"}'), "metadata"),
        (with_metadata(r'{"\ud800": 1}'), "metadata"),
        (f'{BODY[:-1]}, "group": "\\ud800"}}', "group"),
        (f'{BODY[:-1]}, "tags": ["\\udfff"]}}', "tags"),
        (BODY.replace("a boat", r"\ud800"), "input.prompt"),
        (f'{BODY[:-1]}, "\\ud800": 1}}', "\ud800"),
    ],
)
def test_a_lone_surrogate_is_refused_wherever_it_stands(
    client: httpx.Client, body: str, field: str
) -> None:
    problem = is_problem(post(client, body), 422, "invalid-fields")
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(client: httpx.Client, kind: str) -> None:
    is_problem(post(client, BODY, kind), 415, "wrong-content-type")


def test_a_content_type_may_have_parameters(client: httpx.Client) -> None:
    assert post(client, BODY, "Application/JSON; charset=utf-8").status_code == 202


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = client.post("/api/v1/jobs", content=BODY, headers=headers)
    is_problem(response, 415, "wrong-content-type")


@pytest.mark.parametrize(("path", "limit"), [("jobs", 30_000_000), ("inputs", 20_000_000)])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(
    gateway: Gateway, tenant: str, path: str, limit: int
) -> None:
    kind = "application/json" if path == "jobs" else "image/png"
    head = (
        f"POST /api/v1/{path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        f"Authorization: Bearer {gateway.key(tenant)}\r\nContent-Length: {limit + 1}\r\n\r\n"
    )
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=20) as line:
        line.sendall(head.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_turns_out_too_large_is_refused(client: httpx.Client) -> None:
    def endless() -> object:
        for _ in range(31):
            yield b" " * 1_000_000

    response = client.post(
        "/api/v1/jobs",
        content=endless(),  # type: ignore[arg-type]  # any iterable of bytes
        headers={"Content-Type": "application/json"},
    )
    problem = is_problem(response, 413, "too-large")
    assert problem["detail"] == "the body may have at most 30,000,000 bytes"
