"""Text that every database can keep."""

from typing import Any

from api_gateway.json_places import below


def complaint(value: Any) -> str | None:
    """What keeps a JSON value from being stored, in any of its texts and names; None for nothing.

    Of a list or an object it says where: `must not contain NUL (in a.b[0])`.
    """
    waiting = [("", value)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, str):
            found = _of_text(one)
            if found:
                return f"{found} (in {ascii(place)[1:-1]})" if place else found
        elif isinstance(one, dict):
            waiting += [(f"the name {name}", name) for name in one]
        waiting += below(place, one)
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
