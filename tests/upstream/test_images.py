import resource
from io import BytesIO

import PIL.Image
import pytest

from tests.upstream.pictures import animated, jpeg, picture, png_that_claims, webp_that_claims
from upstream.images import Rejection, look_at
from upstream.replies import Image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_the_type_is_what_the_bytes_are(kind: str) -> None:
    data = picture(kind)
    assert look_at(data) == Image(data, f"image/{kind.lower()}", 16, 8)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_any_colours_are_fine(mode: str) -> None:
    assert isinstance(look_at(picture("JPEG", mode=mode)), Image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_an_image_that_is_cut_off_is_rejected_as_incomplete(kind: str) -> None:
    data = picture(kind, (400, 300))
    for end in (0, 5, len(data) // 2):
        found = look_at(data[:end])
        assert isinstance(found, Rejection), end
        assert found.incomplete


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "PNG"])
def test_of_several_frames_the_first_is_decoded_and_all_are_kept(kind: str) -> None:
    data = animated(kind)
    assert look_at(data) == Image(data, f"image/{kind.lower()}", 64, 64)
    spoilt = bytearray(data)
    spoilt[-600:-100] = b"\xff" * 500
    assert isinstance(look_at(bytes(spoilt)), Image)
    # That nobody looked at the last frame shows only if a look at it fails.
    with pytest.raises((OSError, SyntaxError, EOFError)):
        _load_frame(bytes(spoilt), 4)


def _load_frame(data: bytes, number: int) -> None:
    with PIL.Image.open(BytesIO(data)) as picture:
        picture.seek(number)
        picture.load()


def test_what_is_no_image_is_rejected() -> None:
    for data in (b"", b"<html></html>", b'{"error": "x"}', b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        assert isinstance(look_at(data), Rejection)


@pytest.mark.parametrize("side", [8_001, 12_000, 16_000, 60_000])
def test_an_image_that_claims_too_many_pixels_is_rejected_before_it_is_decoded(side: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in (png_that_claims(side, side), webp_that_claims(side, side)):
        found = look_at(data)
        assert isinstance(found, Rejection)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, "kilobytes"


def test_the_repr_does_not_print_the_bytes() -> None:
    found = look_at(jpeg())
    assert repr(found) == f"Image(image/jpeg, 16x8, {len(jpeg())} bytes)"
