import hashlib
from typing import Any

import httpx
import pytest

from db.artifacts import ArtifactStore
from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

FIRST = picture(colour="navy")
SECOND = picture(size=(300, 200), colour="gold")


@pytest.fixture
def job(gateway: Gateway, client: httpx.Client, submit: Submit) -> dict[str, Any]:
    """A job that has ended with two images."""
    job_id = submit()["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job_id), FIRST, SECOND)
    found: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
    return found


def test_each_output_is_served_as_it_was_kept(client: httpx.Client, job: dict[str, Any]) -> None:
    for output, image in zip(job["outputs"], (FIRST, SECOND), strict=True):
        response = client.get(output["url"])
        assert response.content == image
        sha256 = hashlib.sha256(image).hexdigest()
        assert (output["sha256"], output["bytes"]) == (sha256, len(image))
        headers = {
            "content-type": output["content_type"],
            "content-length": str(len(image)),
            "etag": f'"{sha256}"',
            "cache-control": "private, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
        }
        assert {name: response.headers[name] for name in headers} == headers
        head = client.head(output["url"])
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(image)))


def test_a_range_is_served(client: httpx.Client, job: dict[str, Any]) -> None:
    url = job["outputs"][0]["url"]
    response = client.get(url, headers={"Range": "bytes=2-5"})
    assert response.status_code == 206
    assert response.content == FIRST[2:6]
    assert response.headers["content-range"] == f"bytes 2-5/{len(FIRST)}"


@pytest.mark.parametrize(
    ("asked", "status", "name"),
    [("bytes=1000000-", 416, "wrong-range"), ("lines=1-2", 400, "malformed-request")],
)
def test_a_wrong_range_is_a_problem(
    client: httpx.Client, job: dict[str, Any], asked: str, status: int, name: str
) -> None:
    response = client.get(job["outputs"][0]["url"], headers={"Range": asked})
    is_problem(response, status, name)
    if status == 416:
        assert response.headers["content-range"] == f"bytes */{len(FIRST)}"


def test_who_has_it_already_is_told_so(client: httpx.Client, job: dict[str, Any]) -> None:
    output = job["outputs"][0]
    known = {"If-None-Match": f'W/"x", "{output["sha256"]}"'}
    response = client.get(output["url"], headers=known)
    assert (response.status_code, response.content) == (304, b"")


@pytest.mark.parametrize("n", ["2", "-1", "00", "x", "1.0", "+0", "9" * 400])
def test_an_output_that_is_not_there_is_not_found(
    client: httpx.Client, job: dict[str, Any], n: str
) -> None:
    is_problem(client.get(f"/api/v1/jobs/{job['id']}/outputs/{n}"), 404, "not-found")


def test_a_job_that_has_not_ended_has_no_output(client: httpx.Client, submit: Submit) -> None:
    is_problem(client.get(f"/api/v1/jobs/{submit()['id']}/outputs/0"), 404, "not-found")


def test_an_output_whose_file_is_gone_is_not_found(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    worker_hands.succeed(gateway, claimed, FIRST)
    key = f"outputs/{claimed.job.tenant_id}/{job_id}/{claimed.number}-0"
    ArtifactStore(gateway.artifacts).remove(key)
    is_problem(client.get(f"/api/v1/jobs/{job_id}/outputs/0"), 404, "not-found")
