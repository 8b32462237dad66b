"""Fills `{column}` in a batch's defaults with what a line says."""

import re
from collections.abc import Mapping
from typing import Any

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def fill(template: Any, values: Mapping[str, str], missing: set[str]) -> Any:
    """The same JSON value with every `{name}` in its texts replaced; `{{` and `}}` are braces.

    Names that have no value are added to `missing`.
    """
    if isinstance(template, str):
        return (
            _filled(template, values, missing) if "{" in template or "}" in template else template
        )
    if isinstance(template, dict):
        return {name: fill(one, values, missing) for name, one in template.items()}
    if isinstance(template, list):
        return [fill(one, values, missing) for one in template]
    return template


def names_in(template: Any) -> set[str]:
    """The names that a JSON value asks for."""
    found: set[str] = set()
    fill(template, {}, found)
    return found


def _filled(text: str, values: Mapping[str, str], missing: set[str]) -> str:
    def of(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0][0]
        if name not in values:
            missing.add(name)
            return ""
        return values[name]

    return _PLACE.sub(of, text)
