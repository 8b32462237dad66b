"""A parameter, read from its table in a catalog file."""

import math
from typing import Any

from jobs.catalog.inputs import problem_of
from jobs.catalog.model import Kind, Parameter
from jobs.catalog.tables import Table

MEMBERS = (
    *("type", "required", "default", "example", "description"),
    *("minimum", "maximum", "max_length", "allowed"),
)
_NUMERIC = (Kind.INTEGER, Kind.NUMBER)


def read_parameter(file: str, name: str, found: object) -> Parameter:
    """The parameter; raises `CatalogError` for a table that contradicts itself."""
    table = Table(file, f"parameters.{name}.", found, MEMBERS)
    kind = table.one_of("type", Kind)
    parameter = Parameter(
        name=name,
        kind=kind,
        description=table.text("description"),
        required=table.flag("required"),
        default=table.get("default"),
        example=table.get("example"),
        minimum=_bound(table, "minimum", kind),
        maximum=_bound(table, "maximum", kind),
        max_length=_max_length(table, kind),
        allowed=_allowed(table, kind),
    )
    _check_order(table, parameter)
    _check_default(table, parameter)
    _check_example(table, parameter)
    return parameter


def _bound(table: Table, name: str, kind: Kind) -> float | None:
    value = table.get(name)
    if value is None:
        return None
    if kind not in _NUMERIC:
        raise table.wrong(name, f"is for an integer or a number only; the type is {kind}")
    if kind is Kind.INTEGER and (not isinstance(value, int) or isinstance(value, bool)):
        raise table.wrong(name, f"must be an integer, as the parameter is; it is {value!r}")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise table.wrong(name, f"must be a finite number; it is {value!r}")
    # The same number as it stands in the file: 1 must not become 1.0 in an error or a schema.
    bound: float = value
    return bound


def _max_length(table: Table, kind: Kind) -> int | None:
    value = table.get("max_length")
    if value is None:
        return None
    if kind is not Kind.STRING or table.get("allowed") is not None:
        raise table.wrong("max_length", "is for a string without `allowed` only")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise table.wrong("max_length", f"must be an integer of at least 1; it is {value!r}")
    return value


def _allowed(table: Table, kind: Kind) -> tuple[str, ...]:
    value = table.get("allowed")
    if value is None:
        return ()
    if kind is not Kind.STRING:
        raise table.wrong("allowed", f"is for a string only; the type is {kind}")
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise table.wrong("allowed", f"must be a list of at least one string; it is {value!r}")
    for one in value:
        if value.count(one) > 1:
            raise table.wrong("allowed", f"names {one!r} twice")
    return tuple(value)


def _check_order(table: Table, parameter: Parameter) -> None:
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None and low > high:
        raise table.wrong("minimum", f"must not be more than maximum: {low} > {high}")


def _check_default(table: Table, parameter: Parameter) -> None:
    if parameter.default is None:
        return
    if parameter.required:
        raise table.wrong("default", "is of no use: a required parameter is always given")
    if parameter.kind is Kind.IMAGE:
        raise table.wrong("default", "cannot be: an image is given, or left out")
    _check_value(table, "default", parameter, parameter.default)


def _check_example(table: Table, parameter: Parameter) -> None:
    if parameter.example is None:
        if parameter.required:
            raise table.wrong("example", "is missing: the API's docs show one of what is required")
        return
    _check_value(table, "example", parameter, parameter.example)
    if parameter.kind is Kind.IMAGE and not parameter.example.startswith("https://"):
        raise table.wrong("example", f"must be an https URL; it is {parameter.example!r}")


def _check_value(table: Table, name: str, parameter: Parameter, value: Any) -> None:
    problem = problem_of(parameter, value)
    if problem:
        raise table.wrong(name, f"{problem}; it is {value!r}")
