"""A model's `input` as JSON Schema (draft 2020-12), from its catalog file alone."""

from typing import Any

from jobs.catalog.inputs import IMAGE_STARTS
from jobs.catalog.model import Kind, Model, Parameter

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {
    Kind.IMAGE: "string",
    Kind.STRING: "string",
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
}
_IMAGE = f"^({'|'.join(IMAGE_STARTS)})"
_NOT_BLANK = r"\S"


def input_schema(model: Model) -> dict[str, Any]:
    """The schema that `jobs.catalog.inputs.check` enforces.

    The check is stricter where a schema has no words: 1.0 is no integer, a URL has a length that
    other images have not, text must be storable, and an image must be there and be one.
    """
    return {
        "$schema": DIALECT,
        "title": f"{model.name} input",
        "type": "object",
        "properties": {name: _property(p) for name, p in model.parameters.items()},
        "required": [name for name, p in model.parameters.items() if p.required],
        "additionalProperties": False,
    }


def _property(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": _TYPES[parameter.kind],
        "description": parameter.description,
        "default": parameter.default,
        "examples": None if parameter.example is None else [parameter.example],
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "maxLength": parameter.max_length,
        "enum": list(parameter.allowed) or None,
        "format": "uri" if parameter.kind is Kind.IMAGE else None,
        "pattern": _pattern(parameter),
    }
    return {key: value for key, value in found.items() if value is not None}


def _pattern(parameter: Parameter) -> str | None:
    if parameter.kind is Kind.IMAGE:
        return _IMAGE
    is_free_text = parameter.kind is Kind.STRING and not parameter.allowed
    return _NOT_BLANK if is_free_text and parameter.required else None
