"""What clients are told of data that has its time, and of data that has had it."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api_gateway import documents, problem_documents
from db.engine import Database
from db.migrate import upgrade
from db.removals import Removals
from db.tenants import Limits, TenantStore
from jobs.retention import Keeps
from tests.db.ageing import pass_time, purge_rows
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, Submit, is_problem
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.gateway.pictures import data_uri, picture
from tests.servers.databases import new_database
from tests.servers.valkey import running_valkey

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
USUAL = Keeps(outputs=30 * DAY, jobs=90 * DAY)
GONE = "refers to no image of yours that is kept"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One whose environment says how long data is kept."""
    folder = tmp_path_factory.mktemp("gateway")
    url = f"sqlite:///{folder / 'segq.db'}"
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres"))
    database = Database(url)
    upgrade(database)
    usual = {"SEGQ_KEEP_OUTPUTS": "30d", "SEGQ_KEEP_JOBS": "90d"}
    with (
        running_valkey(folder) as redis,
        running_gateway(folder, database, redis, **usual) as found,
    ):
        yield found
    database.close()


def upkeep(gateway: Gateway, *, removes: bool = True) -> None:
    """What upkeep does, by hand; it may die before it has removed any bytes."""
    purge_rows(gateway.database, USUAL)
    if removes:
        list_ = Removals(gateway.database)
        artifacts = [one.artifact for one in list_.next(1_000)]
        for artifact in artifacts:
            gateway.store.remove(artifact)
        list_.done(artifacts)


@pytest.fixture
def done(gateway: Gateway, client: httpx.Client, submit: Submit) -> dict[str, Any]:
    """A job that has ended with an image."""
    job_id = submit(tags=["a"], metadata={"order": 7}, group="g")["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job_id), picture())
    found: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
    return found


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_job_says_until_when_it_is_kept(
    client: httpx.Client, done: dict[str, Any], submit: Submit
) -> None:
    ended = _moment(done["finished_at"])
    assert _moment(done["outputs_kept_until"]) == ended + 30 * DAY
    assert _moment(done["kept_until"]) == ended + 90 * DAY
    assert (done["outputs_removed_at"], done["data_removed"]) == (None, False)
    waiting = submit(run_at="2099-01-01T00:00:00Z")
    assert (waiting["outputs_kept_until"], waiting["kept_until"]) == (None, None)
    # A job without images has none to be kept; in the answer that ends it, too.
    canceled = client.post(f"/api/v1/jobs/{waiting['id']}/cancel").json()
    assert canceled["outputs_kept_until"] is None
    assert _moment(canceled["kept_until"]) == _moment(canceled["finished_at"]) + 90 * DAY
    assert client.get(f"/api/v1/jobs/{waiting['id']}").json() == canceled
    (listed, _) = client.get("/api/v1/jobs").json()["items"]
    assert listed == canceled


def test_a_tenant_is_told_what_holds_for_it(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    found = client.get("/api/v1/tenant").json()
    assert (found["keep_outputs_seconds"], found["keep_jobs_seconds"]) == (
        30 * 86_400,
        90 * 86_400,
    )
    other = f"{tenant}-other"
    with gateway.client(gateway.key(other)) as line:
        limits = Limits(keep_outputs=0, keep_jobs=2 * 86_400)
        TenantStore(gateway.database).set_limits(other, limits)
        found = line.get("/api/v1/tenant").json()
    # Its images go with its jobs.
    assert (found["keep_outputs_seconds"], found["keep_jobs_seconds"]) == (172_800, 172_800)


def test_an_image_that_has_had_its_time_is_gone_though_its_bytes_are_there(
    gateway: Gateway, client: httpx.Client, done: dict[str, Any]
) -> None:
    path, url = f"/api/v1/jobs/{done['id']}", done["outputs"][0]["url"]
    there = client.get(url)
    pass_time(gateway.database, 30 * DAY)
    upkeep(gateway, removes=False)
    found = client.get(path)
    assert found.headers["etag"] != there.headers["etag"]
    job = found.json()
    documents.Job.model_validate(job)
    removed_at = job["outputs_removed_at"]
    assert datetime.now(UTC) - _moment(removed_at) < HOUR
    assert (job["outputs_kept_until"], job["links"]["outputs"]) == (None, [])
    # What it was is still told, and all the rest.
    for name in ("outputs", "input", "metadata", "tags", "cost"):
        assert job[name] == done[name]
    for headers in ({}, {"If-None-Match": there.headers["etag"]}, {"Range": "bytes=0-3"}):
        problem = is_problem(client.get(url, headers=headers), 410, "data-removed")
        problem_documents.Problem.model_validate(problem)
        assert problem["removed_at"] == removed_at
        assert f"the images of job {done['id']} were removed at {removed_at}" in problem["detail"]
    assert client.head(url).status_code == 410
    is_problem(client.get(f"{path}/outputs/1"), 404, "not-found")
    refused = is_problem(client.post(f"{path}/retry"), 409, "illegal-move")
    assert "its images, which have been removed since" in refused["detail"]


def test_a_job_whose_data_is_removed_is_what_it_came_to(
    gateway: Gateway, client: httpx.Client, stranger: httpx.Client, done: dict[str, Any]
) -> None:
    path = f"/api/v1/jobs/{done['id']}"
    pass_time(gateway.database, 90 * DAY)
    upkeep(gateway)
    answer = client.get(f"{path}?include=attempts")
    assert answer.status_code == 200
    job = answer.json()
    documents.Job.model_validate(job)
    assert job["data_removed"] is True
    empty = ("input", "metadata", "tags", "outputs", "error", "kept_until")
    assert [job[name] for name in empty] == [{}, {}, [], [], None, None]
    for name in ("id", "model", "state", "cost", "attempts", "group", "created_at"):
        assert job[name] == done[name]
    (call,) = job["attempt_history"]
    assert (call["cost"], call["outcome"], call["message"]) == ("0.0059", "succeeded", None)
    for n in ("0", "1", "x"):
        problem = is_problem(client.get(f"{path}/outputs/{n}"), 410, "data-removed")
        assert problem["removed_at"] == job["data_removed_at"]
    refused = is_problem(client.post(f"{path}/retry"), 409, "illegal-move")
    assert "submit it anew" in refused["detail"]
    is_problem(client.post(f"{path}/cancel"), 409, "illegal-move")
    job.pop("attempt_history")
    assert client.get("/api/v1/jobs?state=succeeded").json()["items"] == [job]
    assert client.get("/api/v1/jobs?tag=a").json()["items"] == []
    assert len(client.get("/api/v1/jobs?group=g").json()["items"]) == 1
    is_problem(stranger.get(path), 404, "not-found")
    is_problem(stranger.get(f"{path}/outputs/0"), 404, "not-found")


def test_an_image_is_not_cached_for_longer_than_it_is_kept(
    gateway: Gateway, client: httpx.Client, done: dict[str, Any]
) -> None:
    url = done["outputs"][0]["url"]

    def seconds() -> int:
        said = client.get(url).headers["cache-control"]
        private, age, immutable = said.split(", ")
        assert (private, immutable) == ("private", "immutable")
        return int(age.removeprefix("max-age="))

    assert 30 * 86_400 - 300 < seconds() <= 30 * 86_400
    pass_time(gateway.database, 29 * DAY)
    assert 86_400 - 300 < seconds() <= 86_400
    pass_time(gateway.database, 2 * DAY)
    assert seconds() == 0


def test_a_download_under_way_comes_to_its_end(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    large = bytes(n * n % 251 for n in range(1_000_001)) * 24
    job_id = submit()["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job_id), large)
    url = f"/api/v1/jobs/{job_id}/outputs/0"
    with client.stream("GET", url) as response:
        pieces = response.iter_bytes(100_000)
        begun = next(pieces)
        pass_time(gateway.database, 30 * DAY)
        upkeep(gateway)
        rest = b"".join(pieces)
    assert begun + rest == large
    is_problem(client.get(url), 410, "data-removed")


def _upload(client: httpx.Client, image: bytes) -> httpx.Response:
    return client.post("/api/v1/inputs", content=image, headers={"Content-Type": "image/png"})


def test_a_submit_with_an_image_that_is_removed_is_told_so_and_it_can_be_sent_again(
    gateway: Gateway, client: httpx.Client
) -> None:
    image = picture("PNG", colour="teal")
    first = _upload(client, image).json()
    body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": first["reference"]}}
    assert client.post("/api/v1/jobs", json={**body, "run_at": "2099-01-01T00:00:00Z"}).is_success
    # The second is needed by nobody.
    second = _upload(client, picture("PNG", colour="tan")).json()
    unused = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": second["reference"]}}
    pass_time(gateway.database, 30 * DAY)
    upkeep(gateway)
    assert client.post("/api/v1/jobs", json=body).status_code == 202
    problem = is_problem(client.post("/api/v1/jobs", json=unused), 422, "invalid-fields")
    assert [(one["field"], GONE in one["message"]) for one in problem["errors"]] == [
        ("input.image", True)
    ]
    assert _upload(client, picture("PNG", colour="tan")).json() == second
    assert client.post("/api/v1/jobs", json=unused).status_code == 202


def test_an_image_inside_a_job_may_come_again_too(gateway: Gateway, client: httpx.Client) -> None:
    image = picture("PNG", colour="olive")
    body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": data_uri(image)}}
    reference = client.post("/api/v1/jobs", json=body).json()["input"]["image"]
    job = client.get("/api/v1/jobs").json()["items"][0]["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job), picture())
    sha256 = reference.removeprefix("segq:")
    assert [one.read_bytes() for one in _kept(gateway, sha256)] == [image]
    pass_time(gateway.database, 30 * DAY)
    upkeep(gateway)
    upkeep(gateway)
    assert _kept(gateway, sha256) == []
    again = client.post("/api/v1/jobs", json=body).json()
    assert again["input"]["image"] == reference
    (file,) = _kept(gateway, sha256)
    assert file.read_bytes() == image
    assert file.name != sha256  # whoever removes the first one late, removes nothing of it


def _kept(gateway: Gateway, sha256: str) -> list[Any]:
    return [one for one in gateway.kept_files() if one.name.startswith(sha256)]


def test_an_image_of_a_submit_that_was_refused_is_not_kept_for_ever(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    TenantStore(gateway.database).set_limits(tenant, Limits(max_queued=1))
    shas = []
    for colour, status in (("pink", 202), ("plum", 429)):
        image = picture("PNG", colour=colour)
        body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": data_uri(image)}}
        assert client.post("/api/v1/jobs", json=body).status_code == status
        shas.append(hashlib.sha256(image).hexdigest())
    assert [len(_kept(gateway, one)) for one in shas] == [1, 1]
    pass_time(gateway.database, 30 * DAY)
    upkeep(gateway)
    assert [len(_kept(gateway, one)) for one in shas] == [1, 0]


def test_an_answer_that_is_repeated_is_the_first_one(
    gateway: Gateway, client: httpx.Client
) -> None:
    """For 24 hours, whatever has become of what it tells of."""
    headers = {"Idempotency-Key": "once"}
    body = {"model": "ssd-canny", "input": SMALL_INPUT}
    first = client.post("/api/v1/jobs", json=body, headers=headers)
    path = f"/api/v1/jobs/{first.json()['id']}"
    client.post(f"{path}/cancel")
    pass_time(gateway.database, 90 * DAY)
    upkeep(gateway)
    again = client.post("/api/v1/jobs", json=body, headers=headers)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert client.get(path).json()["data_removed"] is True


def test_a_doubt_is_not_resolved_with_an_image_that_is_removed(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    reference = _upload(client, picture("PNG", colour="navy")).json()["reference"]
    pass_time(gateway.database, 30 * DAY)
    upkeep(gateway)
    job_id = submit()["id"]
    worker_hands.doubted(gateway, job_id)
    wish = {"as": "succeeded", "note": "here it is", "output": reference}
    problem = is_problem(
        client.post(f"/api/v1/jobs/{job_id}/resolve", json=wish), 422, "invalid-fields"
    )
    assert GONE in problem["errors"][0]["message"]
    # One that is there by its row, and whose bytes are gone since the look.
    _upload(client, picture("PNG", colour="navy"))
    for file in _kept(gateway, reference.removeprefix("segq:")):
        file.unlink()
    problem = is_problem(
        client.post(f"/api/v1/jobs/{job_id}/resolve", json=wish), 422, "invalid-fields"
    )
    assert GONE in problem["errors"][0]["message"]
