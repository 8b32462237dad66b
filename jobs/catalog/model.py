"""A model of the catalog, read from its TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from jobs import money
from jobs.money import Money


class Kind(StrEnum):
    """The types that a parameter can have. An `image` is an image's address, text or reference."""

    IMAGE = "image"
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Transport(StrEnum):
    """How a model is called: `v1` answers in the same connection."""

    V1 = "v1"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model. Bounds are inclusive; `max_length` counts characters."""

    name: str
    kind: Kind
    description: str
    required: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """What is known of a model. `typical_seconds` is of one call, as its page says."""

    slug: str
    name: str
    description: str
    transport: Transport
    output: str
    unit_price: Money
    price_times: str | None
    typical_seconds: float
    parameters: Mapping[str, Parameter]

    def price(self, values: Mapping[str, Any]) -> Money:
        """The highest price of one call with these (checked) inputs."""
        times = int(values[self.price_times]) if self.price_times else 1
        return Money(self.unit_price * times)


def parse(toml: str) -> Model:
    """Read a catalog file. Raises `KeyError`, `TypeError` or `ValueError` for a wrong one."""
    data = tomllib.loads(toml)
    parameters = {
        name: _parameter(name, **fields) for name, fields in data.pop("parameters").items()
    }
    return Model(
        unit_price=money.parse(data.pop("price")),
        price_times=data.pop("price_times", None),
        transport=Transport(data.pop("transport")),
        parameters=MappingProxyType(parameters),
        **data,
    )


def _parameter(name: str, **fields: Any) -> Parameter:
    kind = Kind(fields.pop("type"))
    allowed = tuple(fields.pop("allowed", ()))
    return Parameter(name=name, kind=kind, allowed=allowed, **fields)
