from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.sandbox.sandbox_process import KEY, URL, SandboxProcess, decoded

CALL: dict[str, Any] = {"prompt": "a cup", "seed": 7}


def call(sandbox: SandboxProcess, **changes: Any) -> httpx.Response:
    body = {name: value for name, value in {**CALL, **changes}.items() if value is not ...}
    return sandbox.http.post("/v1/ssd-1b", json=body, headers={"x-api-key": KEY})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negative_prompt": ""},
        {"samples": 4},
        {"scheduler": "DDPM"},
        {"scheduler": "UniPC"},
        {"num_inference_steps": 20},
        {"num_inference_steps": 100},
        {"guidance_scale": 1},
        {"guidance_scale": 25.0},
        {"seed": ...},
        {"seed": -1},
        {"seed": 999_999_999_999_999},
        {"img_width": 1024, "img_height": 1024},
        {"base64": True},
    ],
    ids=str,
)
def test_what_the_page_allows_is_accepted(sandbox: SandboxProcess, changes: Any) -> None:
    answer = call(sandbox, **changes)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"image": URL},
        {"controlnet_scale": 0.5},
        {"prompt": ...},
        {"prompt": ""},
        {"img_width": "1024"},
        {"img_width": 1024.0},
        {"img_height": None},
        {"num_inference_steps": 25.0},
        {"base64": 1},
    ],
    ids=str,
)
def test_a_wrong_shape_is_400(sandbox: SandboxProcess, changes: Any) -> None:
    answer = call(sandbox, **changes)
    assert answer.status_code == 400
    (name,) = changes
    assert name in answer.json()["error"]


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": 0},
        {"samples": 5},
        {"scheduler": "ddim"},
        {"num_inference_steps": 19},
        {"num_inference_steps": 101},
        {"guidance_scale": 0.9},
        {"guidance_scale": 25.1},
        {"seed": -2},
        {"seed": 10**15},
        {"img_width": 1023},
        {"img_width": 1025},
        {"img_height": 512},
    ],
    ids=str,
)
def test_a_wrong_value_is_406(sandbox: SandboxProcess, changes: Any) -> None:
    answer = call(sandbox, **changes)
    assert answer.status_code == 406
    (name,) = changes
    assert answer.json()["error"].startswith(f"Invalid parameter value: {name} ")


def test_it_has_its_own_price_and_its_rows_say_so(sandbox: SandboxProcess) -> None:
    assert call(sandbox, samples=3).headers["x-cost"] == "0.012"
    assert sandbox.call().headers["x-cost"] == "0.006"
    assert [row["model"] for row in sandbox.ledger()] == ["ssd-1b", "ssd-canny"]
    assert Decimal(sandbox.credits()) == Decimal("99.982")
    sandbox.change(credits="0.005")
    assert sandbox.call().status_code == 406
    assert call(sandbox).status_code == 200


def test_it_takes_about_half_as_long(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 0.9, "sigma": 0})
    seconds = float(call(sandbox).headers["x-generation-time"])
    assert 0.9 * 2.8 / 5.9 - 0.01 < seconds < 0.85


def test_its_picture_depends_on_seed_and_prompt(sandbox: SandboxProcess) -> None:
    first = call(sandbox).content
    assert call(sandbox).content == first
    others = [call(sandbox, seed=8).content, call(sandbox, prompt="a jug").content]
    pictures = [decoded(one).crop((0, 0, 448, 400)).tobytes() for one in (first, *others)]
    assert len(set(pictures)) == 3
    assert decoded(first).size == (448, 448)
    assert len(set(call(sandbox, samples=3).json()["image"])) == 3


def test_models_share_the_window_of_a_key(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=2, window_seconds=1600)
    assert call(sandbox).status_code == sandbox.call().status_code == 200
    assert call(sandbox).status_code == 429


def test_a_fault_can_ask_for_the_model(sandbox: SandboxProcess) -> None:
    sandbox.faults({"match": {"model": "ssd-1b"}, "effect": {"kind": "status", "status": 502}})
    assert [sandbox.call().status_code, call(sandbox).status_code] == [200, 502]
