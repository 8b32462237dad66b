import hashlib
from typing import Any

import httpx
import pytest

from tests.gateway.conftest import SMALL_INPUT, Refuse, Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import bitmap, picture


def post(client: httpx.Client, image: bytes, kind: str = "image/jpeg") -> httpx.Response:
    return client.post("/api/v1/inputs", content=image, headers={"Content-Type": kind})


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp")])
@pytest.mark.parametrize("declared", ["image/gif", "application/octet-stream"])
def test_an_image_is_known_by_its_content(
    gateway: Gateway, client: httpx.Client, kind: str, suffix: str, declared: str
) -> None:
    image = picture(kind, colour="red" if declared == "image/gif" else "blue")
    response = post(client, image, declared)
    assert response.status_code == 201
    sha256 = hashlib.sha256(image).hexdigest()
    assert response.json() == {
        "reference": f"segq:{sha256}",
        "content_type": f"image/{suffix}",
        "width": 16,
        "height": 12,
        "bytes": len(image),
        "sha256": sha256,
    }
    kept = [path for path in gateway.kept_files() if path.name == sha256]
    assert next(path.read_bytes() for path in kept) == image


def test_a_reference_is_usable_as_image(client: httpx.Client, submit: Submit) -> None:
    reference = post(client, picture()).json()["reference"]
    assert submit({**SMALL_INPUT, "image": reference})["input"]["image"] == reference


def test_the_same_image_twice_is_one(client: httpx.Client) -> None:
    assert post(client, picture()).json() == post(client, picture()).json()


@pytest.mark.parametrize("field", ["file", "image"])
def test_a_form_with_one_file_is_taken(client: httpx.Client, field: str) -> None:
    image = picture("PNG", (1000, 1000))
    response = client.post("/api/v1/inputs", files={field: ("a.png", image, "text/plain")})
    assert response.status_code == 201, response.text
    assert response.json()["sha256"] == hashlib.sha256(image).hexdigest()


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"photo": ("a.png", picture())}},
        {"files": [("file", ("a", picture())), ("image", ("b", picture()))]},
        {"files": {"file": ("a", picture())}, "data": {"note": "x"}},
        {"files": {"other": (None, "text")}},
    ],
)
def test_a_form_with_anything_else_is_refused(client: httpx.Client, form: dict[str, Any]) -> None:
    is_problem(client.post("/api/v1/inputs", **form), 422, "invalid-fields")


def test_a_form_that_cannot_be_read_is_refused(client: httpx.Client) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        is_problem(post(client, b"--y\r\n", kind), 400, "malformed-request")


def test_forty_megapixels_are_taken(client: httpx.Client) -> None:
    assert post(client, bitmap(8000, 5000)).json()["width"] == 8000


def test_another_content_type_is_refused(client: httpx.Client) -> None:
    response = post(client, picture(), "application/x-www-form-urlencoded")
    is_problem(response, 415, "wrong-content-type")


def test_a_body_without_length_is_refused_when_it_gets_too_large(
    gateway: Gateway, client: httpx.Client
) -> None:
    before = gateway.kept_files()

    def endless() -> object:
        yield picture()
        for _ in range(20):
            yield bytes(1_000_000)

    response = client.post(
        "/api/v1/inputs",
        content=endless(),  # type: ignore[arg-type]  # any iterable of bytes
        headers={"Content-Type": "image/jpeg"},
    )
    is_problem(response, 413, "too-large")
    assert gateway.kept_files() == before


@pytest.mark.parametrize("reference", ["segq:", "segq:xyz", f"segq:{'A' * 64}", f"segq:{'0' * 64}"])
def test_a_reference_of_nothing_is_refused(refuse: Refuse, reference: str) -> None:
    assert list(refuse({**SMALL_INPUT, "image": reference})) == ["input.image"]
