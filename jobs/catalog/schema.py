"""A model's `input` as JSON Schema (draft 2020-12), from its catalog file alone."""

from typing import Any

from jobs.catalog.model import Kind, Model, Parameter

_TYPES = {
    Kind.IMAGE: "string",
    Kind.STRING: "string",
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
}


def input_schema(model: Model) -> dict[str, Any]:
    """The schema that `jobs.catalog.inputs.check` enforces."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
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
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "maxLength": parameter.max_length,
        "enum": list(parameter.allowed) or None,
        "format": "uri" if parameter.kind is Kind.IMAGE else None,
    }
    return {key: value for key, value in found.items() if value is not None}
