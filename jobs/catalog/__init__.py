"""The models that segq can call: data, one TOML file a model, read once like code."""

from importlib.resources import files
from types import MappingProxyType

from jobs.catalog.model import Kind, Model, Parameter, Transport, parse
from jobs.errors import UnknownModel

__all__ = ["MODELS", "Kind", "Model", "Parameter", "Transport", "model"]

MODELS = MappingProxyType(
    {
        found.slug: found
        for found in sorted(
            (
                parse(entry.read_text("utf-8"))
                for entry in files("jobs.catalog").iterdir()
                if entry.name.endswith(".toml")
            ),
            key=lambda found: found.slug,
        )
    }
)


def model(slug: str) -> Model:
    """The model of this name; raises `UnknownModel`."""
    try:
        return MODELS[slug]
    except KeyError:
        raise UnknownModel(slug, tuple(MODELS)) from None
