"""What a user sees: one surface in two clients, documented, and how each is made."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import segq_client
from segq_client import (
    AsyncBatches,
    AsyncBatchStream,
    AsyncClient,
    AsyncResult,
    Batches,
    BatchStream,
    Client,
    Result,
    SetupError,
    calls,
)
from segq_client.gateway import gateway_at
from segq_client.request import Answer, Request, json_of

KEY = "segq_canary"
SETTINGS = ("SEGQ_URL", "SEGQ_API_KEY", "SEGQ_API_KEY_FILE")


def methods(kind: type) -> dict[str, Callable[..., Any]]:
    return {
        name: one for name, one in inspect.getmembers(kind, callable) if not name.startswith("_")
    }


def properties(kind: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(kind, lambda one: isinstance(one, property))]


def shape(method: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(method).parameters.values()
    return [(str(one.kind), str(one), one.annotation) for one in parameters]


@pytest.mark.parametrize(
    ("blocks", "waits"),
    [
        (Client, AsyncClient),
        (Result, AsyncResult),
        (BatchStream, AsyncBatchStream),
        (Batches, AsyncBatches),
    ],
)
def test_both_have_the_same_methods_with_the_same_arguments(blocks: type, waits: type) -> None:
    ours, theirs = methods(blocks), methods(waits)
    assert {name: shape(one) for name, one in ours.items()} == {
        name: shape(one) for name, one in theirs.items()
    }
    assert properties(blocks) == properties(waits)
    assert blocks is not Client or shape(blocks) == shape(waits)


def test_every_public_name_and_method_says_what_it_is() -> None:
    for name in segq_client.__all__:
        one = getattr(segq_client, name)
        assert (one.__doc__ or "").strip().endswith((".", "!")), name
        for method in methods(one).values() if name.endswith(("Client", "Result")) else ():
            assert (method.__doc__ or "").strip(), f"{name}.{method.__name__}"


def test_the_environment_says_where_and_with_which_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SetupError, match="SEGQ_URL and SEGQ_API_KEY are not set"):
        Client.from_env()
    monkeypatch.setenv("SEGQ_URL", "http://127.0.0.1:1/")
    with pytest.raises(SetupError, match=r"^SEGQ_API_KEY is not set: "):
        AsyncClient.from_env()
    monkeypatch.setenv("SEGQ_API_KEY", "")
    monkeypatch.setenv("SEGQ_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SetupError, match="SEGQ_API_KEY_FILE cannot be read"):
        Client.from_env()
    (tmp_path / "key").write_text(f"{KEY}\n")
    Client.from_env(tries=1).close()
    monkeypatch.setenv("SEGQ_API_KEY", KEY)
    monkeypatch.delenv("SEGQ_URL")
    with pytest.raises(SetupError, match=r"^SEGQ_URL is not set: "):
        Client.from_env()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("segq.example.org", KEY, "the URL must be"),
        ("https://me:canary@segq.example.org", KEY, "the URL must be"),
        ("https://segq.example.org/?a=canary", KEY, "the URL must be"),
        ("", KEY, "the URL must be"),
        ("https://segq.example.org", f"{KEY}\n", "the API key must be"),
        ("https://segq.example.org", "", "the API key must be"),
    ],
)
def test_what_cannot_be_a_url_or_a_key_is_said_at_once_and_not_shown(
    kind: type[Client], url: str, key: str, said: str
) -> None:
    with pytest.raises(SetupError, match=said) as error:
        kind(url, key)
    assert "canary" not in str(error.value)


def test_the_key_is_shown_nowhere() -> None:
    assert KEY not in repr(gateway_at("https://segq.example.org", KEY, 15))


@pytest.mark.parametrize(
    ("url", "output", "told"),
    [
        ("https://segq.example.org", "https://segq.example.org/api/v1/x", True),
        ("https://segq.example.org/below", "api/v1/x", True),
        ("https://segq.example.org", "http://segq.example.org/api/v1/x", False),
        ("https://segq.example.org", "https://images.example.org/x", False),
        ("https://segq.example.org", "//images.example.org/x", False),
    ],
)
def test_the_key_goes_to_the_gateway_alone(url: str, output: str, told: bool) -> None:
    request = Request("GET", output, Answer.json)
    headers = gateway_at(url, KEY, 15).addressed(request)["headers"]
    assert ("Authorization" in headers) is told


def test_an_id_is_one_part_of_a_path() -> None:
    assert calls.get("../account?x=1").path == "api/v1/jobs/..%2Faccount%3Fx%3D1"
    assert calls.model("a/b").path == "api/v1/models/a%2Fb"


def test_a_time_is_written_with_its_zone_and_nothing_is_rounded_away() -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert json_of({"run_at": moment}) == b'{"run_at":"2026-03-01T12:00:00+00:00"}'
    assert calls.page({"created_after": moment, "state": ["a", "b"], "tag": None}, None).query == {
        "created_after": "2026-03-01T12:00:00+00:00",
        "state": ["a", "b"],
    }
    with pytest.raises(ValueError, match="must name its time zone"):
        json_of([datetime(2026, 3, 1)])  # noqa: DTZ001
    with pytest.raises(ValueError, match="JSON"):
        json_of({"seed": float("nan")})
    with pytest.raises(TypeError, match="set has no form in JSON"):
        json_of({"tags": {"a"}})
