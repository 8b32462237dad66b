"""All images of a batch at once, and its events."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from db.batch_upkeep import BatchUpkeep
from tests.gateway.batch_world import came, opened, send
from tests.gateway.conftest import is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import encoded, photograph, picture
from tests.gateway.worker_hands import claim, fail, succeed


@pytest.fixture
def made(gateway: Gateway, client: httpx.Client) -> dict[str, Any]:
    """A closed batch: two jobs with images, one of them two, and one that failed."""
    batch = opened(client)
    names = ("cat/../x", "ünïcode", "third")
    assert came(send(client, batch, [{"custom_id": one} for one in names])) == (3, 0, 0)
    items = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    first, second, third = [claim(gateway, job["id"]) for job in reversed(items)]
    succeed(gateway, first, encoded(photograph(), "JPEG"))
    succeed(gateway, second, picture("PNG"), picture("PNG", colour="red"), content_type="image/png")
    fail(gateway, third)
    client.post(f"/api/v1/batches/{batch['id']}/close")
    return batch


def test_a_zip_file_holds_every_image_under_a_safe_name(
    client: httpx.Client, made: dict[str, Any]
) -> None:
    response = client.get(f"/api/v1/batches/{made['id']}/images.zip")
    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "000000-cat_.._x.jpg",
            "000001-n_code-0.png",
            "000001-n_code-1.png",
        ]
        assert archive.read("000001-n_code-1.png") == picture("PNG", colour="red")


def test_a_zip_file_may_hold_a_part_of_the_lines(
    client: httpx.Client, made: dict[str, Any]
) -> None:
    address = f"/api/v1/batches/{made['id']}/images.zip"

    def names(**part: int) -> list[str]:
        content = client.get(address, params=part).content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [name[:6] for name in archive.namelist()]

    assert names(lines=1) == ["000000"]
    assert names(first_line=2) == names(first_line=2, lines=1) == ["000001"] * 2
    assert names(first_line=3, lines=100_000) == []
    is_problem(client.get(address, params={"lines": 100_001}), 422, "invalid-fields")


def test_a_batch_without_images_is_an_empty_zip_file(client: httpx.Client) -> None:
    response = client.get(f"/api/v1/batches/{opened(client)['id']}/images.zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == []


@pytest.mark.parametrize(("columns", "size"), [(10, (640, 236)), (2, (430, 462))])
def test_a_contact_sheet_shows_them(
    client: httpx.Client, made: dict[str, Any], columns: int, size: tuple[int, int]
) -> None:
    address = f"/api/v1/batches/{made['id']}/contact-sheet.jpg"
    response = client.get(address, params={"columns": columns})
    assert response.headers["content-type"] == "image/jpeg"
    page = Image.open(io.BytesIO(response.content))
    assert page.size == size
    # The photograph is on it.
    assert len(page.crop((10, 60, 200, 200)).convert("L").getcolors() or ()) > 50
    is_problem(client.get(address, params={"columns": 0}), 422, "invalid-fields")


def test_events_tell_what_changes_until_it_is_over(
    gateway: Gateway, client: httpx.Client, made: dict[str, Any]
) -> None:
    with client.stream("GET", f"/api/v1/batches/{made['id']}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        (only,) = _data(response)
        assert only["state"] == "finished"
    batch = opened(client)
    with client.stream("GET", f"/api/v1/batches/{batch['id']}/events") as response:
        lines = _data(response)
        assert next(lines)["counts"]["queued"] == 0
        assert came(send(client, batch, [{"custom_id": "one"}])) == (1, 0, 0)
        assert next(lines)["counts"]["queued"] == 1
        client.post(f"/api/v1/batches/{batch['id']}/close")
        (job,) = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()[
            "items"
        ]
        succeed(gateway, claim(gateway, job["id"]), picture())
        BatchUpkeep(gateway.database).tend(100)
        seen = list(lines)
        assert seen[-1]["state"] == "finished"
        assert seen[-1]["counts"]["succeeded"] == 1


def _data(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
