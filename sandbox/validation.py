"""SSD-Canny's parameters, judged as strictly as the published page allows.

The numbers are written out here, not read from the system under test: this module is what
that system's catalog is checked against.

An unknown or missing parameter or a wrong type is 400; a value of the right type that is out of
range or not among the allowed ones is 406 "Invalid parameter value: …" (the page lists both
statuses for parameters and does not say where one ends). Where several are wrong, the first is
told: unknown ones, missing ones, types, values, each in the order of the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.input_image import Picture, UnusableImageError, image_of
from sandbox.refusals import RefusedError

SCHEDULERS = (
    "DDIM",
    "DPM Multi",
    "DPM Single",
    "Euler a",
    "Euler",
    "Heun",
    "DPM2 a Karras",
    "DPM2 Karras",
    "LMS",
    "PNDM",
    "DDPM",
    "UniPC",
)

_TYPES = {
    "image": "a string",
    "prompt": "a string",
    "negative_prompt": "a string",
    "samples": "an integer",
    "scheduler": "a string",
    "num_inference_steps": "an integer",
    "guidance_scale": "a number",
    "controlnet_scale": "a number",
    "seed": "an integer",
    "base64": "a boolean",
}
_REQUIRED = ("image", "prompt")
_RANGES = {
    "samples": (1, 4),
    "num_inference_steps": (10, 100),
    "guidance_scale": (1, 25),
    "controlnet_scale": (0, 1),
    "seed": (-1, 999_999_999_999_999),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a valid call asks for, as far as the sandbox's pictures depend on it.

    ``picture`` is an http(s) URL or the decoded image. ``seed`` -1 means random.
    """

    picture: str | Picture
    prompt: str
    samples: int
    seed: int
    base64: bool


def asked_by(body: Mapping[str, Any]) -> Asked:
    """Judge a request body. Raises RefusedError 400 or 406, naming the parameter."""
    _check_shape(body)
    _check_values(body)
    try:
        picture = image_of(body["image"])
    except UnusableImageError as error:
        raise _bad_value("image", str(error)) from None
    return Asked(
        picture=picture,
        prompt=body["prompt"],
        samples=body.get("samples", 1),
        seed=body.get("seed", -1),
        base64=body.get("base64", False),
    )


def _check_shape(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in _TYPES:
            raise RefusedError(400, f"Unknown parameter: {name[:100]}")
    for name in _REQUIRED:
        # An empty required string is taken for a missing one, as form validators do.
        if name not in body or body[name] == "":
            raise RefusedError(400, f"Missing required parameter: {name}")
    for name, expected in _TYPES.items():
        if name in body and not _is(expected, body[name]):
            raise RefusedError(400, f"Invalid parameter: {name} must be {expected}")


def _check_values(body: Mapping[str, Any]) -> None:
    for name, (low, high) in _RANGES.items():
        if name in body and not low <= body[name] <= high:
            raise _bad_value(name, f"must be {low} to {high}")
    if "scheduler" in body and body["scheduler"] not in SCHEDULERS:
        raise _bad_value("scheduler", f"must be one of {', '.join(SCHEDULERS)}")


def _bad_value(name: str, problem: str) -> RefusedError:
    return RefusedError(406, f"Invalid parameter value: {name} {problem}")


def _is(expected: str, value: object) -> bool:
    # In Python True is an int and 1.0 == 1; in a typed validator neither passes for an integer.
    match expected:
        case "a boolean":
            return isinstance(value, bool)
        case "an integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "a number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)
