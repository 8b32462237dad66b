"""Finds the words in an error's body: JSON envelope, HTML page or plain text (segmind-api §7)."""

import json
import re
from typing import Any

from upstream.key import Key

LONGEST = 300
"""Characters of an error text that are kept: it goes into a row and onto a screen."""
_FIELDS = ("error", "error_description", "message", "detail")
_MARKUP = re.compile(r"<(script|style)\b[^<>]*>[^<]*</\1\s*>|<[^<>]*>", re.IGNORECASE)
_READ = 65_536
"""Characters looked at; an error's words stand at its start."""


def of(body: bytes, key: Key) -> str:
    """One printable line of at most 300 characters without the key, or an empty one."""
    text = body[: 4 * _READ].decode("utf-8", "replace")[:_READ]
    if text.lstrip()[:1] in ("{", '"'):
        text = _from_json(text) or text
    elif text.lstrip().startswith("<"):
        text = _MARKUP.sub(" ", text)
    return short(text, key)


def short(text: str, key: Key) -> str:
    """The text as one printable line. The key goes before the cut, which could halve it."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    line = key.scrub(" ".join(printable.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def of_value(value: Any, key: Key) -> str:
    """The same of a body that was read already, or of an error in it."""
    try:
        return short(_words(value)[:_READ], key)
    except RecursionError:
        return ""


def _from_json(text: str) -> str:
    try:
        return _words(json.loads(text))
    except (ValueError, RecursionError):
        return ""


def _words(value: Any) -> str:
    # An envelope within the envelope ({"error": {"message": …}}) is common enough to look into.
    for _ in range(2):
        if isinstance(value, dict):
            value = next((value[f] for f in _FIELDS if value.get(f)), "")
    if isinstance(value, str):
        return value
    return json.dumps(value)[:_READ] if value else ""
