import base64
from typing import Any

import pytest
from PIL import Image

from tests.sandbox.sandbox_process import PHOTOGRAPH, SandboxProcess, encoded

BARE = base64.b64encode(PHOTOGRAPH).decode()

ACCEPTED: list[tuple[str, Any]] = [
    ("image", "http://example.org/a.png"),
    ("image", "HTTPS://example.org:8443/a.png?b=c"),
    ("image", BARE),
    ("prompt", "a"),
    ("prompt", "ein Café, 一杯のコーヒー\n\x00"),
    ("negative_prompt", ...),
    ("negative_prompt", ""),
    ("samples", ...),
    ("samples", 1),
    ("samples", 4),
    *[
        ("scheduler", one)
        for one in (
            *("DDIM", "DPM Multi", "DPM Single", "Euler a", "Euler", "Heun", "DPM2 a Karras"),
            *("DPM2 Karras", "LMS", "PNDM", "DDPM", "UniPC"),
        )
    ],
    ("num_inference_steps", 10),
    ("num_inference_steps", 100),
    ("guidance_scale", 1),
    ("guidance_scale", 1.0),
    ("guidance_scale", 25),
    ("guidance_scale", 25.0),
    ("controlnet_scale", 0),
    ("controlnet_scale", 0.0),
    ("controlnet_scale", 1),
    ("controlnet_scale", 0.5),
    ("seed", ...),
    ("seed", -1),
    ("seed", 0),
    ("seed", 999_999_999_999_999),
    ("base64", True),
    ("base64", False),
]

WRONG_SHAPE: list[tuple[str, Any]] = [
    ("image", ...),
    ("image", ""),
    ("image", None),
    ("image", [BARE]),
    ("prompt", ...),
    ("prompt", ""),
    ("prompt", None),
    ("prompt", 1),
    ("negative_prompt", None),
    ("negative_prompt", 1),
    ("samples", True),
    ("samples", 1.0),
    ("samples", "1"),
    ("samples", None),
    ("scheduler", 1),
    ("scheduler", None),
    ("num_inference_steps", 30.0),
    ("num_inference_steps", True),
    ("num_inference_steps", "30"),
    ("guidance_scale", True),
    ("guidance_scale", "7.5"),
    ("guidance_scale", None),
    ("controlnet_scale", False),
    ("controlnet_scale", "0.5"),
    ("seed", 1.0),
    ("seed", False),
    ("seed", "1"),
    ("seed", None),
    ("base64", 0),
    ("base64", "false"),
    ("base64", None),
    ("steps", 30),
    ("Prompt", "a"),
]

WRONG_VALUE: list[tuple[str, Any]] = [
    ("image", "data:image/jpeg;base64," + BARE),
    ("image", "ftp://example.org/a.png"),
    ("image", "file:///etc/hostname"),
    ("image", "http://"),
    ("image", "http://example.org:99999/a.png"),
    ("image", "http://example.org/a b.png"),
    ("image", "not base64!"),
    ("image", BARE[:-1]),
    ("image", BARE[:76] + "\n" + BARE[76:]),
    ("image", base64.b64encode(b"not an image").decode()),
    ("image", base64.b64encode(PHOTOGRAPH[:-5_000]).decode()),
    ("image", encoded(Image.new("L", (9, 9)), "GIF")),
    ("image", encoded(Image.new("1", (10_000, 4_001)), "PNG")),
    ("samples", 0),
    ("samples", 5),
    ("scheduler", ""),
    ("scheduler", "unipc"),
    ("scheduler", "UniPC "),
    ("num_inference_steps", 9),
    ("num_inference_steps", 101),
    ("guidance_scale", 0.99),
    ("guidance_scale", 25.01),
    ("guidance_scale", 0),
    ("guidance_scale", 26),
    ("controlnet_scale", -0.01),
    ("controlnet_scale", 1.01),
    ("controlnet_scale", 7.5),
    ("seed", -2),
    ("seed", 1_000_000_000_000_000),
    ("seed", 10**30),
]


def named(case: tuple[str, Any]) -> str:
    return f"{case[0]}={str(case[1])[:24]!a}"


@pytest.mark.parametrize("case", ACCEPTED, ids=named)
def test_what_the_page_allows_is_accepted(sandbox: SandboxProcess, case: tuple[str, Any]) -> None:
    changes: dict[str, Any] = dict([case])
    answer = sandbox.call(**changes)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("case", WRONG_SHAPE, ids=named)
def test_a_wrong_shape_is_400(sandbox: SandboxProcess, case: tuple[str, Any]) -> None:
    changes: dict[str, Any] = dict([case])
    answer = sandbox.call(**changes)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert case[0] in answer.json()["error"]


@pytest.mark.parametrize("case", WRONG_VALUE, ids=named)
def test_a_wrong_value_is_406(sandbox: SandboxProcess, case: tuple[str, Any]) -> None:
    changes: dict[str, Any] = dict([case])
    answer = sandbox.call(**changes)
    assert answer.status_code == 406
    assert answer.json()["error"].startswith(f"Invalid parameter value: {case[0]} ")
    assert sandbox.credits() == "100"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_every_kind_of_image_file_is_taken(sandbox: SandboxProcess, kind: str, mode: str) -> None:
    if kind == "JPEG" and mode in ("RGBA", "P"):
        mode = "CMYK"
    if kind == "WEBP" and mode in ("P", "1"):
        mode = "RGB"
    image = Image.new("RGB", (33, 21), "red").convert(mode)
    assert sandbox.call(image=encoded(image, kind)).status_code == 200


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (1, 5_000), (5_000, 3), (9_990, 4_000)])
def test_odd_sizes_are_taken(sandbox: SandboxProcess, size: tuple[int, int]) -> None:
    assert sandbox.call(image=encoded(Image.new("1", size), "PNG")).status_code == 200


def test_the_first_fault_is_told(sandbox: SandboxProcess) -> None:
    every: dict[str, Any] = {"prompt": ..., "samples": "1", "seed": -2, "steps": 1}
    for name, status in (("steps", 400), ("prompt", 400), ("samples", 400), ("seed", 406)):
        answer = sandbox.call(**every)
        assert answer.status_code == status
        assert name in answer.json()["error"]
        del every[name]
    assert sandbox.call(**every).status_code == 200
