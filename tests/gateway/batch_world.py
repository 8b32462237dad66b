"""A batch over HTTP, as tests open and fill it."""

import json
from typing import Any

import httpx

JSON_LINES = "application/jsonl"
INPUT = {"prompt": "a paper lantern"}


def opened(client: httpx.Client, **members: Any) -> dict[str, Any]:
    """A new batch of ssd-1b, unless another model is named."""
    response = client.post("/api/v1/batches", json={"model": "ssd-1b", "input": INPUT, **members})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def send(
    client: httpx.Client,
    batch: dict[str, Any],
    content: Any,
    kind: str = JSON_LINES,
    **options: Any,
) -> httpx.Response:
    """Sends lines: text or bytes as they are, a list as JSON Lines."""
    if isinstance(content, list):
        content = "".join(f"{json.dumps(one)}\n" for one in content)
    headers = {"Content-Type": kind, **options.pop("headers", {})}
    address = f"/api/v1/batches/{batch['id']}/jobs"
    return client.post(address, content=content, headers=headers, **options)


def came(response: httpx.Response) -> tuple[int, int, int]:
    """How many lines were accepted, known and rejected."""
    assert response.status_code == 200, response.text
    found = response.json()
    return found["accepted"], found["known"], found["rejected"]


def read(client: httpx.Client, batch: dict[str, Any]) -> dict[str, Any]:
    response = client.get(f"/api/v1/batches/{batch['id']}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found
