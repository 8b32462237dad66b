"""JSON in which amounts of money are written as exact decimals, not as the nearest floats."""

import json
from collections.abc import Mapping
from decimal import Decimal

from sandbox.money import text_of


def written(value: object) -> str:
    """``value`` as JSON text: what ``json.dumps`` takes, and Decimals anywhere in it."""
    if isinstance(value, Decimal):
        return text_of(value)
    if isinstance(value, Mapping):
        members = (f"{json.dumps(name)}: {written(one)}" for name, one in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(written(one) for one in value)}]"
    return json.dumps(value)
