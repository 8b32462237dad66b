"""Text that every database can keep."""

from typing import Any


def complaint(value: Any) -> str | None:
    """What keeps a JSON value from being stored, in any of its texts and names; None for nothing."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str):
            found = _of_text(one)
            if found:
                return found
    return None


def _of_text(text: str) -> str | None:
    # PostgreSQL keeps no NUL in text, and a lone surrogate has no UTF-8 form at all.
    if "\0" in text:
        return "must not contain NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must be valid Unicode (it contains a lone surrogate)"
    return None
