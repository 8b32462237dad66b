"""Whatever bytes come as an image: they are kept and decode, or they are refused in words."""

import functools

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_gateway.images_in import examine
from tests.gateway.conftest import is_problem
from tests.gateway.pictures import (
    encoded,
    opened,
    oriented,
    photograph,
    picture,
    with_scans,
    with_segment,
)


@functools.cache
def originals() -> list[bytes]:
    small = photograph(48, 32)
    return [
        *(encoded(small, kind) for kind in ("JPEG", "PNG", "WEBP")),
        encoded(small, "JPEG", progressive=True),
        encoded(small, "WEBP", lossless=True),
        encoded(small.convert("P"), "PNG"),
        encoded(small.convert("CMYK"), "JPEG"),
        encoded(small, "PNG", save_all=True, append_images=[small.rotate(9)]),
        encoded(small, "WEBP", save_all=True, append_images=[small.rotate(9)]),
        encoded(small, "MPO", save_all=True, append_images=[small]),
        *(oriented(kind, 6, small) for kind in ("JPEG", "PNG", "WEBP")),
        with_segment(picture(), 0xE1, b"hdrgm:Version") + picture(),
        with_scans(40),
    ]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A photograph with bytes changed, cut out, repeated, or taken from another one."""
    data = bytearray(draw(st.sampled_from(originals())))
    for _ in range(draw(st.integers(0, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 60))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                other = draw(st.sampled_from(originals()))
                start = draw(st.integers(0, len(other)))
                data[at : at + length] = other[start : start + length]
    return bytes(data)


ANY = st.one_of(mutated(), mutated(), st.binary(max_size=200))
MANY = settings(
    max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
SOME = settings(MANY, max_examples=150, suppress_health_check=list(HealthCheck))


@MANY
@given(ANY)
def test_any_bytes_are_a_picture_that_decodes_or_are_refused(data: bytes) -> None:
    complaint = ""
    try:
        kept = examine(data)
    except ValueError as error:
        complaint = str(error)
    if complaint:
        assert complaint.startswith(("is ", "must ", "cannot be decoded as ", "would "))
        return
    again = opened(kept.data)
    assert again.size == (kept.width, kept.height)
    assert getattr(again, "n_frames", 1) == 1
    # What is kept needs no further change.
    assert examine(kept.data) == kept


@SOME
@given(ANY)
def test_any_upload_is_taken_or_refused_clearly(client: httpx.Client, data: bytes) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    response = client.post("/api/v1/inputs", content=data, headers=headers)
    if response.status_code != 201:
        problem = is_problem(response, 422, "invalid-fields")
        assert [error["field"] for error in problem["errors"]] == ["image"]


@SOME
@given(
    st.lists(
        st.sampled_from(
            [
                b"--x",
                b"\r\n",
                b'name="file"',
                b"\0",
                b"--",
                b":",
                b";",
                b"\xff",
                b"Content-Disposition: form-data",
                b'; filename="a"',
                b"Content-Type: image/png",
                b"\r\n\r\n",
            ]
        ),
        max_size=20,
    )
)
def test_any_form_is_taken_or_refused_clearly(client: httpx.Client, parts: list[bytes]) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = client.post("/api/v1/inputs", content=b"".join(parts), headers=headers)
    assert response.status_code in {201, 400, 422}, response.text
