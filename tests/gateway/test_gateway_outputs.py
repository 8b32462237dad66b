import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from db.artifacts import output_key
from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem, migrated
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.gateway.pictures import picture
from tests.servers.valkey import running_valkey

FIRST = picture(colour="navy")
SECOND = picture(size=(300, 200), colour="gold")


@pytest.fixture(scope="module", params=["folder", "s3"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One on each kind of store."""
    folder = tmp_path_factory.mktemp("gateway")
    place: dict[str, str] = {}
    if request.param == "s3":
        place = request.getfixturevalue("s3").environment(f"g/{uuid4()}")
    database = migrated(folder)
    with (
        running_valkey(folder) as redis,
        running_gateway(folder, database, redis, **place) as found,
    ):
        yield found
    database.close()


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
            "accept-ranges": "bytes",
            "content-disposition": f'inline; filename="{name_of(output)}"',
        }
        assert {name: response.headers[name] for name in headers} == headers
        head = client.head(output["url"])
        assert (head.status_code, head.content) == (200, b"")
        assert {name: head.headers[name] for name in headers} == headers


def name_of(output: dict[str, Any]) -> str:
    *_, job_id, _, n = output["url"].split("/")
    return f"ssd-canny-{job_id}-{n}.jpg"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=2-5", 2, 5),
        ("bytes=0-0", 0, 0),
        ("bytes=10-", 10, len(FIRST) - 1),
        ("bytes=-7", len(FIRST) - 7, len(FIRST) - 1),
        ("bytes=5-1000000", 5, len(FIRST) - 1),
        ("bytes=-1000000", 0, len(FIRST) - 1),
    ],
)
def test_a_range_is_served(
    client: httpx.Client, job: dict[str, Any], asked: str, first: int, last: int
) -> None:
    url = job["outputs"][0]["url"]
    whole = client.get(url)
    response = client.get(url, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == FIRST[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(FIRST)}"
    assert response.headers["content-length"] == str(last - first + 1)
    for name in ("etag", "cache-control", "content-type", "x-content-type-options"):
        assert response.headers[name] == whole.headers[name]


def test_several_ranges_get_the_whole(client: httpx.Client, job: dict[str, Any]) -> None:
    asked = {"Range": "bytes=0-3,100-109,-5"}
    response = client.get(job["outputs"][0]["url"], headers=asked)
    assert (response.status_code, response.content) == (200, FIRST)


def test_head_is_about_the_whole(client: httpx.Client, job: dict[str, Any]) -> None:
    response = client.head(job["outputs"][0]["url"], headers={"Range": "bytes=0-3"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(FIRST))
    assert "content-range" not in response.headers


def test_a_large_image_comes_in_pieces_and_in_parts(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    large = bytes(n * n % 251 for n in range(2_000_001))
    job_id = submit()["id"]
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job_id), large)
    url = f"/api/v1/jobs/{job_id}/outputs/0"
    assert client.get(url).content == large
    response = client.get(url, headers={"Range": "bytes=300001-1500000"})
    assert (response.status_code, response.content) == (206, large[300_001:1_500_001])


def test_an_image_that_is_shorter_than_was_kept_ends_the_connection(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    claimed = worker_hands.claim(gateway, job_id)
    worker_hands.succeed(gateway, claimed, bytes(600_000))
    gateway.store.put(output_key(claimed.job.tenant_id, claimed.job.id, claimed.number, 0), b"x")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/api/v1/jobs/{job_id}/outputs/0")


def test_a_range_of_another_version_gives_the_whole(
    client: httpx.Client, job: dict[str, Any]
) -> None:
    output = job["outputs"][0]
    right = f'"{output["sha256"]}"'
    for if_range, status, content in (
        (right, 206, FIRST[2:6]),
        (f'"{"0" * 64}"', 200, FIRST),
        (f"W/{right}", 200, FIRST),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200, FIRST),
    ):
        asked = {"Range": "bytes=2-5", "If-Range": if_range}
        response = client.get(output["url"], headers=asked)
        assert (response.status_code, response.content) == (status, content)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1", "attachment"),
        ("true", "attachment"),
        ("0", "inline"),
        ("false", "inline"),
    ],
)
def test_a_download_is_to_be_saved_under_a_name(
    client: httpx.Client, job: dict[str, Any], value: str, kind: str
) -> None:
    for output, image in zip(job["outputs"], (FIRST, SECOND), strict=True):
        response = client.get(output["url"], params={"download": value})
        assert (response.status_code, response.content) == (200, image)
        said = response.headers["content-disposition"]
        assert said == f'{kind}; filename="{name_of(output)}"'


@pytest.mark.parametrize(("kind", "suffix"), [("image/png", "png"), ("image/webp", "webp")])
def test_the_name_fits_the_type(
    gateway: Gateway, client: httpx.Client, submit: Submit, kind: str, suffix: str
) -> None:
    job_id = submit()["id"]
    image = picture(suffix.upper())
    claimed = worker_hands.claim(gateway, job_id)
    worker_hands.succeed(gateway, claimed, image, content_type=kind)
    response = client.get(f"/api/v1/jobs/{job_id}/outputs/0?download=1")
    assert response.headers["content-type"] == kind
    said = response.headers["content-disposition"]
    assert said == f'attachment; filename="ssd-canny-{job_id}-0.{suffix}"'


@pytest.mark.parametrize(
    "query",
    [
        "download=",
        "download=yes",
        "download=True",
        "download=2",
        "download",
        "download=1&download=1",
        "download=1&download=0",
    ],
)
def test_a_download_that_is_neither_yes_nor_no_is_refused(
    client: httpx.Client, job: dict[str, Any], query: str
) -> None:
    response = client.get(f"{job['outputs'][0]['url']}?{query}")
    (error,) = is_problem(response, 422, "invalid-fields")["errors"]
    assert error["field"] == "download"
    said = "may be given once, not 2 times" if "&" in query else "must be one of 1, true, 0, false"
    assert error["message"] == said


@pytest.mark.parametrize("asked", ["bytes=1000000-", f"bytes={len(FIRST)}-", "bytes=-0"])
def test_a_range_outside_is_a_problem(
    client: httpx.Client, job: dict[str, Any], asked: str
) -> None:
    response = client.get(job["outputs"][0]["url"], headers={"Range": asked})
    is_problem(response, 416, "wrong-range")
    assert response.headers["content-range"] == f"bytes */{len(FIRST)}"


@pytest.mark.parametrize(
    "asked",
    [
        *("lines=1-2", "bytes", "bytes=", "bytes=-", "bytes=,", "bytes=x", "bytes=1", "bytes 0-3"),
        *("bytes=5-2", "bytes=0-3,9-5", "bytes=0-3,x", "bytes=1-2-3", "bytes=+1-3", ""),
        *(f"bytes=0-{'9' * 5_000}", f"bytes={'9' * 5_000}-"),
    ],
)
def test_what_is_no_range_is_ignored(client: httpx.Client, job: dict[str, Any], asked: str) -> None:
    response = client.get(job["outputs"][0]["url"], headers={"Range": asked})
    assert (response.status_code, response.content) == (200, FIRST)


@pytest.mark.parametrize("asked", ["BYTES=0-3", "bytes= 0-3 ,", "bytes=,0-3"])
def test_a_range_may_be_spelt_freely(client: httpx.Client, job: dict[str, Any], asked: str) -> None:
    response = client.get(job["outputs"][0]["url"], headers={"Range": asked})
    assert (response.status_code, response.content) == (206, FIRST[:4])


def test_who_has_it_already_is_told_so(client: httpx.Client, job: dict[str, Any]) -> None:
    output = job["outputs"][0]
    known = {"If-None-Match": f'W/"x", "{output["sha256"]}"'}
    for headers in (known, {"If-None-Match": "*"}, {**known, "Range": "bytes=0-3"}):
        response = client.get(output["url"], headers=headers)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == f'"{output["sha256"]}"'
        assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
    other = {"If-None-Match": f'"{"0" * 64}"'}
    assert client.get(output["url"], headers=other).content == FIRST


def test_every_status_and_header_is_described(
    gateway: Gateway, client: httpx.Client, job: dict[str, Any]
) -> None:
    description = httpx.get(f"{gateway.url}/openapi.json").json()
    operation = description["paths"]["/api/v1/jobs/{job_id}/outputs/{n}"]["get"]
    assert "download" in [one["name"] for one in operation["parameters"]]
    url = job["outputs"][0]["url"]
    for query, headers in (
        ("", {}),
        ("", {"Range": "bytes=0-3"}),
        ("", {"Range": "bytes=1000000-"}),
        ("", {"Range": "lines=1"}),
        ("", {"If-None-Match": "*"}),
        ("", {"Authorization": "Bearer segq_none"}),
        ("?download=x", {}),
        ("9", {}),
    ):
        response = client.get(url + query, headers=headers)
        described = operation["responses"][str(response.status_code)]
        # What HTTP itself or another part of the description names.
        spoken = {"date", "content-type", "www-authenticate"}
        if response.status_code >= 400:
            spoken.add("content-length")
        named = {name.lower() for name in described.get("headers", {})}
        assert set(response.headers) - spoken == named, response.status_code
        kind = response.headers.get("content-type", "").partition(";")[0]
        assert not kind or kind in described["content"]


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
    key = output_key(claimed.job.tenant_id, claimed.job.id, claimed.number, 0)
    gateway.store.remove(key)
    for ask in (client.get, client.head):
        assert ask(f"/api/v1/jobs/{job_id}/outputs/0").status_code == 404
    is_problem(client.get(f"/api/v1/jobs/{job_id}/outputs/0"), 404, "not-found")
