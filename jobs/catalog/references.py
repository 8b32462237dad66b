"""Which uploaded images a job refers to."""

from collections.abc import Mapping
from typing import Any

from jobs.catalog import MODELS
from jobs.catalog.inputs import INPUT_SCHEME
from jobs.catalog.model import Kind


def uploads_of(slug: str, given: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of each, by the parameter that refers to it.

    Of a model that has left the catalog: of whatever has a reference's form.
    """
    parameters = MODELS[slug].parameters if slug in MODELS else None
    return {
        name: value.removeprefix(INPUT_SCHEME)
        for name, value in given.items()
        if isinstance(value, str)
        and value.startswith(INPUT_SCHEME)
        and (parameters is None or (name in parameters and parameters[name].kind is Kind.IMAGE))
    }
