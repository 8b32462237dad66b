"""A model of the catalog: what its TOML file says, and what follows from it for one call."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jobs.money import Money


class Kind(StrEnum):
    """The types that a parameter can have. An `image` is an image's address, text or reference."""

    IMAGE = "image"
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Transport(StrEnum):
    """How a model is called."""

    V1 = "v1"
    """The answer to the POST is the image."""
    V2 = "v2"
    """The answer names a request, which is asked about until it is done."""


class Output(StrEnum):
    """What a call brings."""

    IMAGE = "image"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model. Bounds are inclusive; `max_length` counts characters.

    `example` is a value fit to be shown; every required parameter has one, and none a `default`.
    """

    name: str
    kind: Kind
    description: str
    required: bool = False
    default: Any = None
    example: Any = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """What is known of a model. `typical_seconds` is of one call, as its page says.

    A call costs `unit_price`, times the parameter `price_times` where one is named, and brings one
    image, times the parameter `images_times` where one is named.
    """

    slug: str
    name: str
    description: str
    transport: Transport
    output: Output
    unit_price: Money
    price_times: str | None
    images_times: str | None
    typical_seconds: float
    parameters: Mapping[str, Parameter]

    def price(self, values: Mapping[str, Any]) -> Money:
        """The highest price of one call with these (checked) inputs."""
        return Money(self.unit_price * self._times(self.price_times, values))

    def samples(self, values: Mapping[str, Any]) -> int:
        """How many images one call with these (checked) inputs is to bring."""
        return self._times(self.images_times, values)

    @property
    def example(self) -> dict[str, Any]:
        """An input that is accepted: examples, and defaults where there is no example."""
        shown = {
            name: parameter.default if parameter.example is None else parameter.example
            for name, parameter in self.parameters.items()
        }
        return {name: value for name, value in shown.items() if value is not None}

    def _times(self, name: str | None, values: Mapping[str, Any]) -> int:
        if name is None:
            return 1
        return int(values.get(name, self.parameters[name].default))
