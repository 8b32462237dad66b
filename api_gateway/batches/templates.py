"""Fills `{column}` in a batch's defaults with what a line says."""

import re
from collections.abc import Mapping
from typing import Any

LONGEST = 1_000_000
"""Characters that a line's values may take in its batch's texts, all together: a few kilobytes of a
template and of a line could be gigabytes.
"""
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


class Filling:
    """The values of one line, on their way into the texts of its batch."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._left = LONGEST
        self.missing: set[str] = set()
        """Names that are asked for and have no value."""

    def fill(self, template: Any) -> Any:
        """The same JSON value with every `{name}` in its texts replaced; `{{` and `}}` are braces.

        Raises `ValueError` where that would be too long.
        """
        if isinstance(template, str):
            return self._filled(template) if "{" in template or "}" in template else template
        if isinstance(template, dict):
            return {name: self.fill(one) for name, one in template.items()}
        if isinstance(template, list):
            return [self.fill(one) for one in template]
        return template

    def _filled(self, text: str) -> str:
        def of(match: re.Match[str]) -> str:
            name = match[1]
            if name is None:
                return match[0][0]
            value = self._values.get(name)
            if value is None:
                self.missing.add(name)
                return ""
            self._left -= len(value)
            if self._left < 0:
                raise ValueError(f"fill the batch's texts with more than {LONGEST:,} characters")
            return value

        return _PLACE.sub(of, text)


def names_in(template: Any) -> set[str]:
    """The names that a JSON value asks for."""
    found = Filling({})
    found.fill(template)
    return found.missing
