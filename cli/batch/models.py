"""The models of a batch's lines, each asked for once."""

from collections.abc import Mapping
from typing import Any

from cli.model_form import is_image
from segq_client import Client, NotFoundError


class Models:
    """Of one gateway."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, Mapping[str, Any] | None] = {}

    def get(self, slug: str) -> Mapping[str, Any] | None:
        """The model as the API shows it; None: there is no such. Raises the client's other errors."""
        if slug not in self._known:
            try:
                self._known[slug] = self._client.model(slug)
            except NotFoundError:
                self._known[slug] = None
        return self._known[slug]


def properties_of(model: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The JSON Schema of each of its parameters."""
    found: Mapping[str, Any] = {} if model is None else model["input_schema"].get("properties", {})
    return found


def images_of(model: Mapping[str, Any] | None) -> list[str]:
    """Its parameters that are images."""
    return [name for name, one in properties_of(model).items() if is_image(one)]
