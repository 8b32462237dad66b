import base64
import hashlib

import pytest

from tests.gateway.conftest import SMALL_INPUT, Refuse, Submit
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import bitmap, data_uri, picture, with_chunks


@pytest.mark.parametrize("kind", ["image/jpeg", "image/jpg", "text/plain;charset=x", ""])
def test_a_data_uri_is_kept_and_the_row_holds_its_reference(
    gateway: Gateway, submit: Submit, kind: str
) -> None:
    image = picture(colour="green")
    sha256 = hashlib.sha256(image).hexdigest()
    job = submit({**SMALL_INPUT, "image": data_uri(image, kind)})
    assert job["input"]["image"] == f"segq:{sha256}"
    kept = [path for path in gateway.kept_files() if path.name == sha256]
    assert kept[0].read_bytes() == image


def test_a_large_one_is_kept_too(submit: Submit) -> None:
    image = with_chunks((b"prVt", bytes(19_900_000)))
    job = submit({**SMALL_INPUT, "image": data_uri(image)})
    assert job["input"]["image"] == f"segq:{hashlib.sha256(image).hexdigest()}"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("data:", "must be a data: URI in base64"),
        ("data:image/png,abc", "must be a data: URI in base64"),
        ("data:image/png;base64", "must be a data: URI in base64"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/png;base64,****", "is no valid base64"),
        ("data:image/png;base64,AAA", "is no valid base64"),
        ("data:image/png;base64,é", "is no valid base64"),
        ("data:image/png;base64,AAAA", "is no image that is known here; send a JPEG, PNG or WebP"),
        (data_uri(picture()[:-50]), "is a JPEG that is cut off"),
        (data_uri(bitmap(8000, 5001)), "must have at most 40,000,000 pixels"),
        (data_uri(bytes(20_000_001)), "must have at most 20,000,000 bytes, not 20,000,001"),
        (f"data:;base64,{'A' * 26_666_672}", "must hold at most 20,000,000 bytes"),
    ],
)
def test_a_wrong_one_is_refused_and_leaves_nothing(
    gateway: Gateway, refuse: Refuse, uri: str, message: str
) -> None:
    before = gateway.kept_files()
    named = refuse({**SMALL_INPUT, "image": uri})
    assert list(named) == ["input.image"]
    assert named["input.image"].startswith(message)
    assert gateway.kept_files() == before


def test_an_image_beside_a_wrong_field_is_not_kept(gateway: Gateway, refuse: Refuse) -> None:
    before = gateway.kept_files()
    image = base64.b64encode(picture(colour="pink")).decode()
    assert list(refuse({**SMALL_INPUT, "image": f"data:;base64,{image}", "samples": 5})) == [
        "input.samples"
    ]
    assert gateway.kept_files() == before
