"""The addresses of outputs, wherever an answer has them."""

import re
from collections.abc import Iterator
from typing import Any

from upstream.key import Key

LONGEST = 8_192
"""Characters of a URL; what servers take at the most. One goes into a row."""
_HTTP = re.compile(r"https?://", re.IGNORECASE)


def of(*values: Any, key: Key) -> tuple[str, ...]:
    """The http(s) URLs in texts, lists and `url` members, in order and without doubles."""
    found = (key.scrub(text.strip()) for value in values for text in _texts(value))
    return tuple(dict.fromkeys(url for url in found if _is_url(url)))


def _texts(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        held = one.get("url") if isinstance(one, dict) else one
        if isinstance(held, str):
            yield held


def _is_url(text: str) -> bool:
    return len(text) <= LONGEST and text.isprintable() and _HTTP.match(text) is not None
