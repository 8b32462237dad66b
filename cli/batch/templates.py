"""The names that a batch's templates ask for: `{name}` in a text, as the gateway fills it in."""

import re
from collections.abc import Mapping
from typing import Any

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def names_in(value: Any) -> set[str]:
    """Of a JSON value."""
    match value:
        case str():
            return {name for name in _PLACE.findall(value) if name}
        case Mapping():
            return set().union(*map(names_in, value.values()))
        case list():
            return set().union(*map(names_in, value))
        case _:
            return set()
