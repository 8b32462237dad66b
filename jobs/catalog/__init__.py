"""The models that segq can call: data, one TOML file a model, read once like code."""

from importlib.resources import files

from jobs.catalog.model import Kind, Model, Output, Parameter, Transport
from jobs.catalog.reading import load, parse
from jobs.catalog.tables import CatalogError
from jobs.errors import UnknownModel

__all__ = [
    "MODELS",
    "CatalogError",
    "Kind",
    "Model",
    "Output",
    "Parameter",
    "Transport",
    "load",
    "model",
    "parse",
]

MODELS = load(files("jobs.catalog"))


def model(slug: str) -> Model:
    """The model of this name; raises `UnknownModel`."""
    try:
        return MODELS[slug]
    except KeyError:
        raise UnknownModel(slug, tuple(MODELS)) from None
