"""A model's JSON, as the API gives it, in words: its parameters, its price, how to call it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
    """A parameter in words. `need` is `required`, `optional` or its default."""

    name: str
    kind: str
    need: str
    allowed: str
    description: str


def fields_of(model: Mapping[str, Any]) -> list[Field]:
    """The parameters, in the model's own order."""
    schema = model["input_schema"]
    return [
        Field(
            name=name,
            kind="image" if is_image(found) else str(found.get("type", "any")),
            need=_need(name in schema.get("required", ()), found),
            allowed=_allowed(found),
            description=str(found.get("description", "")),
        )
        for name, found in schema["properties"].items()
    ]


def is_image(found: Mapping[str, Any]) -> bool:
    """Whether a parameter of this JSON Schema is an image: text, and an address."""
    return found.get("type") == "string" and found.get("format") == "uri"


def price_of(model: Mapping[str, Any]) -> str:
    """`$0.006 a sample`."""
    price = model["price"]
    return f"${price['amount']} a {price['per']}"


def seconds_of(model: Mapping[str, Any]) -> str:
    """`5.9 s`."""
    return f"{model['typical_seconds']:.1f} s"


def command_of(model: Mapping[str, Any]) -> str:
    """The shortest `segq run` of this model that is accepted, ready for a shell."""
    needed = model["input_schema"].get("required", ())
    words = ["segq", "run", str(model["slug"])]
    for name in needed:
        words += [f"--{option_of(name)}", text_of(model["example"][name])]
    return shlex.join(words)


def option_of(name: str) -> str:
    """A parameter's name as it is typed, without the two hyphens before it."""
    return name.replace("_", "-")


def text_of(value: Any) -> str:
    """A value as it is typed at a command line."""
    return value if isinstance(value, str) else json.dumps(value)


def _need(required: bool, found: Mapping[str, Any]) -> str:
    if required:
        return "required"
    return f"default {text_of(found['default'])}" if "default" in found else "optional"


def _allowed(found: Mapping[str, Any]) -> str:
    low, high = found.get("minimum"), found.get("maximum")
    if "enum" in found:
        return ", ".join(text_of(value) for value in found["enum"])
    if "maxLength" in found:
        return f"at most {found['maxLength']:,} characters"
    if low is not None and low == high:
        return f"only {low}"
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"at least {low}"
    return f"at most {high}" if high is not None else ""
