import json
import math
from pathlib import Path
from typing import Any

import pytest

from jobs import catalog, money
from jobs.catalog.inputs import check
from jobs.catalog.schema import input_schema
from jobs.errors import InvalidInput, UnknownModel

SEED = json.loads((Path(__file__).parents[2] / "examples" / "seed-request.json").read_text())
SSD = catalog.model("ssd-canny")
NEEDED = {"image": "https://example.org/a.png", "prompt": "a fox"}


def _problems(**changed: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        check(SSD, {**NEEDED, **changed})
    return [problem.field for problem in caught.value.problems]


def test_the_first_users_request_is_accepted_with_every_value_unchanged() -> None:
    checked = check(SSD, SEED)
    assert {name: checked[name] for name in SEED} == SEED
    assert json.dumps({name: checked[name] for name in SEED}) == json.dumps(SEED)


def test_defaults_are_written_out() -> None:
    assert check(SSD, NEEDED) == {
        **NEEDED,
        "samples": 1,
        "scheduler": "DPM2 Karras",
        "num_inference_steps": 30,
        "guidance_scale": 7.5,
        "controlnet_scale": 0.5,
        "seed": -1,
        "base64": False,
    }


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("samples", 1, 4),
        ("num_inference_steps", 10, 100),
        ("guidance_scale", 1, 25),
        ("controlnet_scale", 0, 1),
        ("seed", -1, 999_999_999_999_999),
    ],
)
def test_bounds_are_inclusive(name: str, lowest: int, highest: int) -> None:
    for value in (lowest, highest):
        assert check(SSD, {**NEEDED, name: value})[name] == value
    for value in (lowest - 1, highest + 1):
        assert _problems(**{name: value}) == [f"input.{name}"]


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1], {}, math.nan])
def test_an_integer_is_an_integer(value: object) -> None:
    assert _problems(samples=value) == ["input.samples"]


@pytest.mark.parametrize(
    "value", [True, "7.5", None, math.nan, math.inf, -math.inf, 1e309, 10**400]
)
def test_a_number_is_a_finite_number(value: object) -> None:
    assert _problems(guidance_scale=value) == ["input.guidance_scale"]


@pytest.mark.parametrize("value", ["", "  ", "\0", "a\0b", "\ud800", 5, None, "x" * 10_001])
def test_a_prompt_is_text_that_can_be_kept_and_sent(value: object) -> None:
    assert _problems(prompt=value) == ["input.prompt"]


@pytest.mark.parametrize("value", ["ddim", "", "Karras", 1])
def test_a_scheduler_is_one_of_twelve(value: object) -> None:
    assert len(SSD.parameters["scheduler"].allowed) == 12
    assert _problems(scheduler=value) == ["input.scheduler"]


@pytest.mark.parametrize(
    "value", ["", "ftp://x/y", "file:///etc/passwd", "iVBORw0KGgo=", 3, "https://x/" + "y" * 2000]
)
def test_an_image_is_an_address_data_or_a_reference(value: object) -> None:
    assert _problems(image=value) == ["input.image"]


@pytest.mark.parametrize(
    "value",
    [
        *("http://", "https://", "http:///a.png", "https://?x", "http://:80/a", "https://me@/a"),
        *("http://x:port/a", "http://x:99999/a", "http://[::1/a", "http://a b/c", "https:// /a"),
    ],
)
def test_an_address_has_a_host(value: str) -> None:
    assert _problems(image=value) == ["input.image"]


@pytest.mark.parametrize(
    "value",
    [
        "http://x",
        "https://x:8443/a?b#c",
        "http://[::1]:80/a",
        "https://me:pw@x.org/a",
        "http://ü.de/é",
    ],
)
def test_an_address_may_have_all_else(value: str) -> None:
    assert check(SSD, {**NEEDED, "image": value})["image"] == value


def test_every_wrong_field_is_named_with_what_is_allowed_and_what_came() -> None:
    given = {"prompt": "", "samples": 9, "guidance_scale": "x", "strength": 1}
    with pytest.raises(InvalidInput) as caught:
        check(SSD, given)
    found = {problem.field: problem for problem in caught.value.problems}
    assert list(found) == [
        "input.strength", "input.image", "input.prompt", "input.samples", "input.guidance_scale",
    ]  # fmt: skip
    assert found["input.samples"].message == "must be from 1 to 4"
    assert found["input.samples"].got == "9"
    assert "controlnet_scale" in found["input.strength"].message


def test_an_input_is_an_object() -> None:
    with pytest.raises(InvalidInput, match="must be an object"):
        check(SSD, ["prompt"])


def test_the_price_is_that_of_all_samples() -> None:
    assert money.text(SSD.price(check(SSD, NEEDED))) == "0.006"
    assert money.text(SSD.price(check(SSD, {**NEEDED, "samples": 4}))) == "0.024"


def test_an_unknown_model_is_told_from_the_known() -> None:
    with pytest.raises(UnknownModel, match="ssd-canny"):
        catalog.model("sdxl")


def test_the_schema_says_what_the_check_does() -> None:
    schema = input_schema(SSD)
    assert schema["required"] == ["image", "prompt"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["samples"] == {
        "type": "integer", "description": "How many images.", "default": 1, "minimum": 1, "maximum": 4,
    }  # fmt: skip
