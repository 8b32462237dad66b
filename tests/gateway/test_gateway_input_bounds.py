"""The parameters' bounds, with segmind-api.md's numbers written out."""

from typing import Any

import pytest

from tests.gateway.conftest import SMALL_INPUT, Refuse, Submit

SCHEDULERS = [
    *("DDIM", "DPM Multi", "DPM Single", "Euler a", "Euler", "Heun", "DPM2 a Karras"),
    *("DPM2 Karras", "LMS", "PNDM", "DDPM", "UniPC"),
]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("samples", value) for value in (1, 4)),
        *(("scheduler", value) for value in SCHEDULERS),
        *(("num_inference_steps", value) for value in (10, 100)),
        *(("guidance_scale", value) for value in (1, 25, 7.5)),
        *(("controlnet_scale", value) for value in (0, 1, 0.5)),
        *(("seed", value) for value in (-1, 0, 999_999_999_999_999)),
        *(("base64", value) for value in (True, False)),
        *(("negative_prompt", value) for value in ("", "ugly")),
        ("image", "http://example.com/a.png"),
    ],
)
def test_a_value_at_its_bound_is_kept_as_it_came(submit: Submit, name: str, value: Any) -> None:
    kept = submit({**SMALL_INPUT, name: value})["input"][name]
    assert kept == value
    assert type(kept) is type(value)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("samples", [0, 5], "must be from 1 to 4"),
        ("samples", [1.0, 4.0, "1", True, None, [1]], "must be an integer from 1 to 4"),
        ("num_inference_steps", [9, 101], "must be from 10 to 100"),
        ("num_inference_steps", [30.5, 30.0, True, "30"], "must be an integer from 10 to 100"),
        ("guidance_scale", [0.99, 25.01, 10**300], "must be from 1 to 25"),
        ("guidance_scale", ["7.5", "1", False, True, [7.5]], "must be a number from 1 to 25"),
        ("controlnet_scale", [-0.01, 1.01, 7.5], "must be from 0 to 1"),
        ("controlnet_scale", ["0.5", True], "must be a number from 0 to 1"),
        ("seed", [-2, 1_000_000_000_000_000], "must be from -1 to 999999999999999"),
        ("seed", [7.0, "7", True, 1e15], "must be an integer from -1 to 999999999999999"),
        ("base64", [0, 1, "false", "true", None], "must be true or false"),
        ("scheduler", ["euler", "", 3], "must be"),
        ("prompt", ["", " \n", 5, None, "a\0b"], "must"),
        ("prompt", ["x" * 10_001], "must have at most 10000 characters, not 10001"),
        ("negative_prompt", [5, "\0"], "must"),
        ("image", ["ftp://example.com/a", "a.png", "", 3, None], "must be"),
        ("image", [f"https://example.com/{'x' * 2000}"], "must have at most 2000 characters"),
        ("strength", [1], "is no parameter of ssd-canny; it has image, prompt, negative_prompt"),
    ],
)
def test_a_value_outside_is_named_with_the_bound(
    refuse: Refuse, name: str, values: list[Any], message: str
) -> None:
    for value in values:
        named = refuse({**SMALL_INPUT, name: value})
        assert list(named) == [f"input.{name}"], value
        assert named[f"input.{name}"].startswith(message), value


@pytest.mark.parametrize("name", ["image", "prompt"])
def test_a_parameter_that_must_be_there_is_named(refuse: Refuse, name: str) -> None:
    given = {key: value for key, value in SMALL_INPUT.items() if key != name}
    assert refuse(given) == {f"input.{name}": "is required"}
