"""A model of the catalog as the API shows it, and what may be submitted to each."""

from collections.abc import Iterable
from typing import Any

from jobs import money
from jobs.catalog.model import Model
from jobs.catalog.schema import input_schema


def document(model: Model) -> dict[str, Any]:
    """A model as JSON. The price is of one call, or of each of what `per` names."""
    return {
        "slug": model.slug,
        "name": model.name,
        "description": model.description,
        "price": {
            "amount": money.text(model.unit_price),
            "currency": "USD",
            "per": model.price_times.removesuffix("s") if model.price_times else "call",
            "times": model.price_times,
        },
        "typical_seconds": model.typical_seconds,
        "output": model.output,
        "transport": model.transport,
        "input_schema": input_schema(model),
        "example": model.example,
    }


def submit_shapes(
    models: Iterable[Model], any_submit: dict[str, Any], ref_template: str
) -> dict[str, Any]:
    """The schemas `Submit`, one of a shape for each model, and those shapes.

    `any_submit` is the schema of a submit whose model is not known: all that stands around `input`.
    `ref_template` makes an address of `{model}`, a schema's name, as it does for pydantic.
    """
    shapes: dict[str, Any] = {}
    own: dict[str, str] = {}
    for model in models:
        # A hyphen keeps these names apart from those of classes.
        given, around = f"Input-{model.slug}", f"Submit-{model.slug}"
        shapes[given] = {k: v for k, v in input_schema(model).items() if k != "$schema"}
        shapes[around] = _submit_of(model, any_submit, ref_template.format(model=given))
        own[model.slug] = ref_template.format(model=around)
    shapes["Submit"] = {
        "title": "Submit",
        "description": any_submit["description"],
        "oneOf": [{"$ref": address} for address in own.values()],
        "discriminator": {"propertyName": "model", "mapping": own},
    }
    return shapes


def submit_examples(models: Iterable[Model]) -> dict[str, Any]:
    """A body for each model, as an OpenAPI media type's `examples`."""
    return {
        model.slug: {
            "summary": f"{model.name}: {model.description}",
            "value": {"model": model.slug, "input": model.example},
        }
        for model in models
    }


def _submit_of(model: Model, any_submit: dict[str, Any], input_address: str) -> dict[str, Any]:
    own = {
        "model": {"type": "string", "const": model.slug, "description": model.description},
        "input": {"$ref": input_address},
    }
    return {
        **any_submit,
        "title": f"Submit to {model.name}",
        "description": model.description,
        "properties": {**any_submit["properties"], **own},
    }
