"""Parameters, judged as strictly as the model's published page allows.

An unknown or missing parameter or a wrong type is 400; a value of the right type that is out of
range or not among the allowed ones is 406 "Invalid parameter value: …" (the page lists both
statuses for parameters and does not say where one ends). Where several are wrong, the first is
told: unknown ones, missing ones, types, values, each in the order of the table; the image last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.input_image import Picture, UnusableImageError, image_of
from sandbox.models import Model, Parameter
from sandbox.refusals import RefusedError


@dataclass(frozen=True, slots=True)
class Asked:
    """What a valid call asks for, as far as the sandbox's pictures depend on it.

    ``picture`` is an http(s) URL, the decoded image, or None where the model takes none. ``seed``
    -1 means random.
    """

    picture: str | Picture | None
    prompt: str
    samples: int
    seed: int
    base64: bool


def asked_by(model: Model, body: Mapping[str, Any]) -> Asked:
    """Judge a request body. Raises RefusedError 400 or 406, naming the parameter."""
    _check_shape(model, body)
    _check_values(model, body)
    try:
        picture = image_of(body["image"]) if "image" in body else None
    except UnusableImageError as error:
        raise _bad_value("image", str(error)) from None
    return Asked(
        picture=picture,
        prompt=body["prompt"],
        samples=body.get("samples", 1),
        seed=body.get("seed", -1),
        base64=body.get("base64", False),
    )


def _check_shape(model: Model, body: Mapping[str, Any]) -> None:
    known = {parameter.name for parameter in model.parameters}
    for name in body:
        if name not in known:
            raise RefusedError(400, f"Unknown parameter: {name[:100]}")
    for parameter in model.parameters:
        # An empty required string is taken for a missing one, as form validators do.
        if parameter.required and body.get(parameter.name, "") == "":
            raise RefusedError(400, f"Missing required parameter: {parameter.name}")
    for parameter in model.parameters:
        if parameter.name in body and not _is(parameter.type, body[parameter.name]):
            problem = f"{parameter.name} must be {parameter.type}"
            raise RefusedError(400, f"Invalid parameter: {problem}")


def _check_values(model: Model, body: Mapping[str, Any]) -> None:
    for parameter in model.parameters:
        if parameter.name in body and (problem := _outside(parameter, body[parameter.name])):
            raise _bad_value(parameter.name, problem)


def _outside(parameter: Parameter, value: Any) -> str | None:
    """What the value must be, if it is not that."""
    if parameter.choices and value not in parameter.choices:
        return f"must be one of {', '.join(parameter.choices)}"
    if parameter.bounds is not None:
        low, high = parameter.bounds
        if not low <= value <= high:
            return f"must be {low}" if low == high else f"must be {low} to {high}"
    return None


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
