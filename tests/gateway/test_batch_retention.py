"""What a batch's clients are told of data that has its time, and what happens to images in its lines."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from db.batch_upkeep import BatchUpkeep
from db.engine import Database
from db.migrate import upgrade
from db.removals import Removals
from tests.db.ageing import pass_time, purge_rows
from tests.gateway.batch_world import came, opened, read, send
from tests.gateway.conftest import is_problem
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.gateway.pictures import data_uri, encoded, photograph, picture
from tests.gateway.worker_hands import claim, fail, succeed
from tests.servers.valkey import running_valkey

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CANNY = {"model": "ssd-canny", "input": {"prompt": "a cat"}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One of this file's own, since time passes in it."""
    folder = tmp_path_factory.mktemp("gateway")
    database = Database(f"sqlite:///{folder / 'segq.db'}")
    upgrade(database)
    with running_valkey(folder) as redis, running_gateway(folder, database, redis) as found:
        yield found
    database.close()


@pytest.fixture
def made(gateway: Gateway, client: httpx.Client) -> dict[str, Any]:
    """A finished batch with times of its own: a job with two images, and one that has failed."""
    batch = opened(client, keep_outputs="2h", keep_jobs="3d", metadata={"a": 1})
    lines = [{"custom_id": "cat"}, {"custom_id": "dog"}, {"input": {"seed": "x"}}]
    assert came(send(client, batch, lines)) == (2, 0, 1)
    items = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    first, second = [claim(gateway, job["id"]) for job in reversed(items)]
    succeed(gateway, first, encoded(photograph(), "JPEG"), encoded(photograph(), "JPEG"))
    fail(gateway, second)
    client.post(f"/api/v1/batches/{batch['id']}/close")
    BatchUpkeep(gateway.database).tend(100)
    return read(client, batch)


def results(client: httpx.Client, batch: dict[str, Any], **options: str) -> list[dict[str, Any]]:
    text = client.get(f"/api/v1/batches/{batch['id']}/results", params=options).text
    return [json.loads(line) for line in text.splitlines()]


def let_go(gateway: Gateway) -> list[str]:
    """What upkeep would remove from the store next: it has died before it did."""
    list_ = Removals(gateway.database)
    found = [one.artifact for one in list_.next(1_000)]
    list_.done(found)
    return found


def test_it_says_how_long_its_jobs_are_kept(client: httpx.Client, made: dict[str, Any]) -> None:
    assert (made["keep_outputs"], made["keep_jobs"]) == ("2h", "3d")
    assert (made["data_removed"], made["data_removed_at"]) == (False, None)
    job = client.get(f"/api/v1/jobs/{results(client, made)[0]['job_id']}").json()
    ended = datetime.fromisoformat(job["finished_at"])
    assert datetime.fromisoformat(job["outputs_kept_until"]) == ended + 2 * HOUR
    assert datetime.fromisoformat(job["kept_until"]) == ended + 3 * DAY
    image = client.get(job["links"]["outputs"][0])
    assert 7_000 < int(image.headers["cache-control"].split("max-age=")[1].split(",")[0]) <= 7_200
    other = opened(client)
    assert (other["keep_outputs"], other["keep_jobs"]) == ("forever", "forever")


def test_what_is_left_out_is_told(
    gateway: Gateway, client: httpx.Client, made: dict[str, Any]
) -> None:
    pass_time(gateway.database, 2 * HOUR)
    purge_rows(gateway.database)
    # The bytes are still there: nobody is shown them all the same.
    cat = results(client, made)[0]["job_id"]
    assert len([one for one in let_go(gateway) if cat in one]) == 2
    address = f"/api/v1/batches/{made['id']}"
    with zipfile.ZipFile(io.BytesIO(client.get(f"{address}/images.zip").content)) as archive:
        assert archive.namelist() == ["left-out.txt"]
        told = archive.read("left-out.txt").decode().splitlines()
    assert told[1:] == ["000000-cat-0.jpg", "000000-cat-1.jpg"]
    page = Image.open(io.BytesIO(client.get(f"{address}/contact-sheet.jpg").content))
    assert page.size == (430, 236)
    # White, but for the names.
    assert page.crop((10, 10, 420, 205)).convert("L").getextrema() == (255, 255)
    good, bad = results(client, made)
    assert (good["outputs_removed_at"] is not None, good["data_removed"]) == (True, False)
    assert (bad["outputs_removed_at"], bad["error"]["kind"]) == (None, "result_rejected")
    is_problem(client.get(good["outputs"][0]["url"]), 410, "data-removed")
    sheet = client.get(f"{address}/results", params={"format": "csv"}).text.splitlines()
    assert "/outputs/" not in sheet[1]
    assert read(client, made)["defaults"] == made["defaults"]


def test_its_own_data_goes_with_that_of_its_jobs(
    gateway: Gateway, client: httpx.Client, made: dict[str, Any]
) -> None:
    costs = {one["custom_id"]: one["cost"] for one in results(client, made)}
    pass_time(gateway.database, 3 * DAY)
    purge_rows(gateway.database)
    let_go(gateway)
    now = read(client, made)
    assert (now["data_removed"], now["data_removed_at"] is not None) == (True, True)
    assert (now["defaults"], now["metadata"], now["rejected"]) == ({}, {}, 0)
    assert client.get(f"/api/v1/batches/{made['id']}/rejected").text == ""
    same = ("name", "state", "jobs", "counts", "cost", "budget", "priority")
    assert {one: now[one] for one in same} == {one: made[one] for one in same}
    for order in ("input", "finished"):
        told = {one["custom_id"]: one for one in results(client, made, order=order)}
        assert {one["data_removed"] for one in told.values()} == {True}
        assert (told["cat"]["outputs"], told["dog"]["error"]) == ([], None)
        assert {name: one["cost"] for name, one in told.items()} == costs
    # A retry finds nothing to run, and is over.
    assert client.post(f"/api/v1/batches/{made['id']}/retry").status_code == 202
    assert read(client, made)["counts"]["queued"] == 0


def test_times_that_cannot_be_are_told(client: httpx.Client) -> None:
    given: dict[str, Any] = {"model": "ssd-1b", "keep_outputs": "30m", "keep_jobs": "1d"}
    problem = is_problem(client.post("/api/v1/batches", json=given), 422, "invalid-fields")
    assert {one["field"]: one["message"].partition(",")[0] for one in problem["errors"]} == {
        "keep_outputs": "must be forever",
        "keep_jobs": "must be forever",
    }
    given = {"model": "ssd-1b", "keep_outputs": 7}
    is_problem(client.post("/api/v1/batches", json=given), 422, "invalid-fields")


def test_an_image_for_all_lines_is_uploaded_once_before(
    gateway: Gateway, client: httpx.Client
) -> None:
    before = set(gateway.kept_files())
    inside = data_uri(picture("PNG", colour="teal"))
    defaults = {**CANNY, "input": {"prompt": "a cat", "image": inside}}
    problem = is_problem(client.post("/api/v1/batches", json=defaults), 422, "invalid-fields")
    assert [one["field"] for one in problem["errors"]] == ["input.image"]
    assert "upload it once" in problem["errors"][0]["message"]
    matrix = {**CANNY, "matrix": {"image": {"a": inside}, "seed": [1, 2]}}
    problem = is_problem(client.post("/api/v1/batches", json=matrix), 422, "invalid-fields")
    assert [one["field"] for one in problem["errors"]] == ["matrix.image"]
    assert set(gateway.kept_files()) == before


def test_images_in_lines_of_a_whole_batch_are_kept_if_it_is(
    gateway: Gateway, client: httpx.Client
) -> None:
    before = set(gateway.kept_files())
    lines: list[dict[str, Any]] = [
        {"custom_id": colour, "input": {"image": data_uri(picture("PNG", colour=colour))}}
        for colour in ("olive", "coral")
    ]
    wrong = {**CANNY, "jobs": [*lines, {"input": {"image": data_uri(b"no image")}}]}
    problem = is_problem(client.post("/api/v1/batches", json=wrong), 422, "invalid-fields")
    assert [one["field"] for one in problem["errors"]] == ["jobs[2].input.image"]
    assert set(gateway.kept_files()) == before
    assert client.get("/api/v1/batches").json()["items"] == []
    response = client.post("/api/v1/batches", json={**CANNY, "jobs": lines})
    assert response.status_code == 201, response.text
    assert len(set(gateway.kept_files()) - before) == 2
    # Whoever removes what nobody needs leaves them: their jobs need them.
    pass_time(gateway.database, 400 * DAY)
    purge_rows(gateway.database)
    assert let_go(gateway) == []


def test_a_line_whose_image_has_gone_says_so(gateway: Gateway, client: httpx.Client) -> None:
    tenant = client.get("/api/v1/tenant").json()
    assert tenant["keep_outputs_seconds"] is None
    upload = client.post(
        "/api/v1/inputs",
        content=picture("PNG", colour="gold"),
        headers={"Content-Type": "image/png"},
    )
    reference = upload.json()["reference"]
    batch = opened(client, **CANNY)
    line = {"custom_id": "a", "input": {"image": reference}}
    with gateway.database.write() as connection:
        connection.exec_driver_sql("UPDATE inputs SET removed_at = created_at")
    answer = send(client, batch, [line]).json()
    assert (answer["accepted"], answer["rejected"]) == (0, 1)
    assert answer["rejections"][0]["errors"][0]["field"] == "input.image"
    assert "upload it" in answer["rejections"][0]["errors"][0]["message"]
