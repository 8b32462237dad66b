"""What is kept of a picture: its bytes, or the picture upright and in colours that can be sent."""

import hashlib
import random
import zlib
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat, JpegImagePlugin

from api_gateway import jpeg_file
from tests.gateway.conftest import SMALL_INPUT, Refuse, Submit
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import (
    data_uri,
    encoded,
    opened,
    oriented,
    photograph,
    picture,
    with_chunks,
    with_scans,
    with_segment,
)

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GAIN_MAP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta hdrgm:Version='1.0'/>"


def noise(pixels: int) -> Image.Image:
    return Image.frombytes("RGB", (pixels, pixels), random.Random(1).randbytes(pixels**2 * 3))


def modes() -> list[bytes]:
    return [
        *(encoded(photograph().convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGBA")),
        encoded(Image.new("I;16", (16, 12), 40_000), "PNG"),
        *(encoded(photograph().convert(mode), "WEBP") for mode in ("L", "RGBA")),
        encoded(photograph().convert("L"), "JPEG"),
    ]


def untouched() -> list[bytes]:
    plain = picture()
    return [
        *modes(),
        *(oriented(kind, 1) for kind in ("JPEG", "PNG", "WEBP")),
        *(oriented("JPEG", orientation) for orientation in (0, 9, 77)),
        encoded(photograph(), "JPEG", progressive=True),
        with_scans(100),
        with_scans(10, Image.new("L", (8_000, 5_000))),
        with_segment(plain, 0xFE, b"PK\3\4 a comment <html> %PDF-1.7"),
        with_segment(plain, 0xE1, b"Exif\0\0 not a TIFF at all"),
        with_chunks((b"iTXt", b"a\0\0\0\0\0<html>"), (b"prVt", b"PK\3\4")),
        # More than one step of the search for a scan's end.
        encoded(noise(1300), "JPEG", quality=95),
        with_chunks(*[(b"zTXt", b"a\0\0" + zlib.compress(b"a text"))] * 100),
        plain + bytes(4_096),
        plain + b"\xff" * 100,
    ]


UNTOUCHED = untouched()


def keep(gateway: Gateway, client: httpx.Client, image: bytes) -> tuple[bytes, dict[str, Any]]:
    """What stands on disk after an upload, which fits what was answered, and the answer."""
    response = client.post("/api/v1/inputs", content=image, headers={"Content-Type": "image/*"})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    paths = [path for path in gateway.kept_files() if path.name == answer["sha256"]]
    data = paths[0].read_bytes()
    assert answer["sha256"] == hashlib.sha256(data).hexdigest()
    assert answer["bytes"] == len(data)
    kept = opened(data)
    assert (answer["width"], answer["height"]) == kept.size
    assert answer["content_type"] == Image.MIME[kept.format or ""]
    return data, answer


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of a channel, of 255."""
    assert one.size == other.size
    found = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB")))
    return max(found.mean)


@pytest.mark.parametrize("image", UNTOUCHED, ids=range(len(UNTOUCHED)))
def test_what_stands_upright_is_kept_byte_for_byte(
    gateway: Gateway, client: httpx.Client, image: bytes
) -> None:
    assert keep(gateway, client, image)[0] == image


def test_the_end_of_a_scan_is_found_wherever_it_lies() -> None:
    plain = picture()
    scan = plain.rindex(b"\xff\xda") + 14
    for length in range(999_996, 1_000_004):
        long = plain[:-2].ljust(scan + length, b"\0") + b"\xff\xd9"
        assert jpeg_file.outline(long).data == long


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 90, "subsampling": 2}),
        ("JPEG", {"quality": 90, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 90}),
    ],
)
def test_a_turned_picture_is_kept_upright(
    gateway: Gateway, client: httpx.Client, orientation: int, kind: str, options: dict[str, Any]
) -> None:
    image = oriented(kind, orientation, icc_profile=SRGB, **options)
    upright = ImageOps.exif_transpose(opened(image))
    assert upright.size == ((107, 160) if orientation >= 5 else (160, 107))
    data, answer = keep(gateway, client, image)
    kept = opened(data)
    assert not kept.getexif()
    assert kept.info["icc_profile"] == SRGB
    lossless = kind == "PNG" or "lossless" in options
    assert difference(upright, kept) <= (0 if lossless else 3)
    if kind == "JPEG":
        assert JpegImagePlugin.get_sampling(kept) == options["subsampling"]
    # What is kept stands upright: sent again it stays as it is.
    assert keep(gateway, client, data)[1] == answer


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_xmp_counts_and_nothing_is_left_of_it(
    gateway: Gateway, client: httpx.Client, kind: str
) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
    image = encoded(photograph(), kind, xmp=xmp, comment=b"a secret")
    if kind == "PNG":
        image = with_chunks(
            (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp), (b"tEXt", b"a\0secret")
        )
    data, answer = keep(gateway, client, image)
    assert answer["height"] > answer["width"]
    assert b"secret" not in data
    assert b"Orientation" not in data


def test_a_turned_picture_stays_transparent_where_it_was(
    gateway: Gateway, client: httpx.Client
) -> None:
    palette = photograph().convert("P")
    image = oriented("PNG", 6, palette, transparency=palette.getpixel((5, 5)))
    kept = opened(keep(gateway, client, image)[0])
    upright = ImageOps.exif_transpose(opened(image)).convert("RGBA")
    assert upright.getchannel("A").getextrema() == (0, 255)
    assert kept.convert("RGBA").tobytes() == upright.tobytes()


def test_a_turned_picture_inside_a_job_is_kept_upright(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    image = oriented("JPEG", 6)
    job = submit({**SMALL_INPUT, "image": data_uri(image)})
    assert job["input"]["image"] == keep(gateway, client, image)[1]["reference"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_a_turned_png_keeps_its_kind_of_colours(
    gateway: Gateway, client: httpx.Client, mode: str
) -> None:
    plain = Image.new("I;16", (16, 12), 40_000) if mode == "I;16" else photograph().convert(mode)
    kept = opened(keep(gateway, client, oriented("PNG", 8, plain))[0])
    assert kept.mode == mode
    assert kept.tobytes() == plain.transpose(Image.Transpose.ROTATE_90).tobytes()


def test_a_photograph_that_grows_when_it_is_turned_still_fits(
    gateway: Gateway, client: httpx.Client
) -> None:
    loud = noise(3000)
    image = oriented("JPEG", 3, loud, quality=80, subsampling=0)
    assert len(image) <= 20_000_000
    assert len(encoded(loud, "JPEG", quality=95, subsampling=0)) > 20_000_000
    assert keep(gateway, client, image)[1]["bytes"] <= 20_000_000


@pytest.mark.parametrize("orientation", [1, 6])
def test_inks_become_red_green_and_blue(
    gateway: Gateway, client: httpx.Client, orientation: int
) -> None:
    inks = photograph().convert("CMYK")
    image = oriented("JPEG", orientation, inks, quality=95)
    assert b"Adobe" in image
    upright = ImageOps.exif_transpose(opened(image))
    kept = opened(keep(gateway, client, image)[0])
    assert kept.mode == "RGB"
    assert difference(upright.convert("RGB"), kept) <= 3


def test_a_profile_that_does_not_fit_the_inks_is_left_out(
    gateway: Gateway, client: httpx.Client
) -> None:
    inks = photograph().convert("CMYK")
    for profile in (SRGB, b"no profile"):
        image = encoded(inks, "JPEG", quality=95, icc_profile=profile)
        kept = opened(keep(gateway, client, image)[0])
        assert "icc_profile" not in kept.info
        assert difference(photograph(), kept) <= 4


def test_inks_that_do_not_say_how_they_are_written_are_refused(refuse: Refuse) -> None:
    image = encoded(photograph().convert("CMYK"), "JPEG")
    adobe = image.index(b"\xff\xee")
    bare = image[:adobe] + image[adobe + 16 :]
    assert refuse({**SMALL_INPUT, "image": data_uri(bare)}) == {
        "input.image": "is a CMYK JPEG that does not say how its inks are written; send it in RGB"
    }


def test_a_picture_with_a_gain_map_is_kept_without_the_map(
    gateway: Gateway, client: httpx.Client
) -> None:
    plain = encoded(photograph(), "JPEG")
    described = with_segment(plain, 0xE1, GAIN_MAP)
    phones = with_segment(described, 0xE2, b"MPF\0" + bytes(80)) + picture()
    assert keep(gateway, client, phones)[0] == described


def test_a_gain_map_is_no_cover_for_something_else(refuse: Refuse) -> None:
    image = with_segment(picture(), 0xE1, GAIN_MAP) + b"PK\3\4"
    assert (
        "a ZIP archive behind its end"
        in refuse({**SMALL_INPUT, "image": data_uri(image)})["input.image"]
    )


def test_two_tenants_with_one_image_know_nothing_of_each_other(
    gateway: Gateway, client: httpx.Client, stranger: httpx.Client
) -> None:
    image = encoded(photograph(), "JPEG", quality=61)
    first = keep(gateway, client, image)[1]
    body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": first["reference"]}}
    nobodys = {**body, "input": {**SMALL_INPUT, "image": f"segq:{'0' * 64}"}}

    def told(given: dict[str, Any]) -> str:
        response = stranger.post("/api/v1/jobs", json=given)
        assert response.status_code == 422
        return response.text.replace(first["sha256"], "0" * 64)

    assert told(body) == told(nobodys)
    headers = {"Content-Type": "image/jpeg"}
    again = stranger.post("/api/v1/inputs", content=image, headers=headers)
    assert (again.status_code, again.json()) == (201, first)
    assert len([path for path in gateway.kept_files() if path.name == first["sha256"]]) == 2
    assert stranger.post("/api/v1/jobs", json=body).status_code == 202
