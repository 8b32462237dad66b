"""A model, read from its TOML file. docs/add-a-model.md says what each member means."""

import math
import re
import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from types import MappingProxyType

from jobs import money, seeds
from jobs.catalog.model import Kind, Model, Output, Parameter, Transport
from jobs.catalog.parameter_tables import read_parameter
from jobs.catalog.tables import CatalogError, Table
from jobs.money import Money

MEMBERS = (
    *("slug", "name", "description", "transport", "output", "price", "price_times"),
    *("images_times", "typical_seconds", "parameters"),
)
SUFFIX = ".toml"
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII | re.IGNORECASE)


def load(folder: Traversable) -> Mapping[str, Model]:
    """The models of a folder, one TOML file each, by slug; raises `CatalogError`."""
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(SUFFIX)),
        key=lambda entry: entry.name,
    )
    found = [parse(entry.read_text("utf-8"), entry.name) for entry in entries]
    return MappingProxyType({model.slug: model for model in found})


def parse(toml: str, file: str) -> Model:
    """The model that a file of this name holds; raises `CatalogError` for the first fault."""
    try:
        found = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{file}: is not TOML: {error}") from error
    table = Table(file, "", found, MEMBERS)
    parameters = _parameters(table, file)
    return Model(
        slug=_slug(table, file),
        name=table.text("name"),
        description=table.text("description"),
        transport=table.one_of("transport", Transport),
        output=table.one_of("output", Output),
        unit_price=_price(table),
        price_times=_factor(table, "price_times", parameters),
        images_times=_factor(table, "images_times", parameters),
        typical_seconds=_seconds(table),
        parameters=MappingProxyType(parameters),
    )


def _parameters(table: Table, file: str) -> dict[str, Parameter]:
    given = table.get("parameters")
    if not isinstance(given, dict) or not given:
        raise table.wrong("parameters", "must be a table with at least one parameter")
    for name in given:
        if not _NAME.fullmatch(name):
            raise table.wrong(f"parameters.{name}", "must be named in letters, digits and _")
    parameters = {name: read_parameter(file, name, found) for name, found in given.items()}
    if "seed" in parameters:
        _check_seed(table, parameters["seed"])
    return parameters


def _check_seed(table: Table, seed: Parameter) -> None:
    # A seed that we choose and upstream refuses would fail every job that left it to us.
    low, high = seed.minimum, seed.maximum
    if (
        seed.kind is not Kind.INTEGER
        or (low is not None and low > seeds.RANDOM)
        or (high is not None and high < seeds.LARGEST)
    ):
        raise table.wrong(
            "parameters.seed",
            f"must be an integer that may be from {seeds.RANDOM} to {seeds.LARGEST}: "
            "segq chooses one of these where a job leaves it open",
        )


def _slug(table: Table, file: str) -> str:
    slug = table.text("slug")
    if not _SLUG.fullmatch(slug):
        raise table.wrong("slug", f"must be small letters, digits and single -; it is {slug!r}")
    if file != f"{slug}{SUFFIX}":
        raise table.wrong("slug", f"must be the file's name without {SUFFIX}; it is {slug!r}")
    return slug


def _price(table: Table) -> Money:
    text = table.text("price")
    try:
        price = money.parse(text)
    except ValueError as error:
        raise table.wrong(
            "price", f'must be decimal text in USD, such as "0.006": {error}'
        ) from None
    if price <= 0:
        raise table.wrong("price", f"must be more than 0 USD; it is {text!r}")
    return price


def _factor(table: Table, name: str, parameters: Mapping[str, Parameter]) -> str | None:
    """The parameter that multiplies; every checked input must hold a number of at least 1 for it."""
    given = table.get(name)
    if given is None:
        return None
    found = parameters.get(given) if isinstance(given, str) else None
    if found is None or found.kind is not Kind.INTEGER:
        integers = [one.name for one in parameters.values() if one.kind is Kind.INTEGER]
        there = ", ".join(integers) or "none"
        raise table.wrong(name, f"must name an integer parameter ({there}); it is {given!r}")
    if found.minimum is None or found.minimum < 1 or found.maximum is None:
        raise table.wrong(name, f"names {given}, which needs a minimum of at least 1 and a maximum")
    if found.default is None and not found.required:
        raise table.wrong(name, f"names {given}, which must be required or have a default")
    return found.name


def _seconds(table: Table) -> float:
    value = table.get("typical_seconds")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:
        raise table.wrong("typical_seconds", f"must be a number of more than 0; it is {value!r}")
    return float(value)
