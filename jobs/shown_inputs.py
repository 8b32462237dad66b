"""A call's inputs in the form in which they are compared with the provider's history.

Both sides go through `shown`: what was sent, and what the history shows. A long text (an image as
base64, above all) is replaced by its hash, so that a page of history with images takes no memory.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

LONGEST_SHOWN = 256
"""Characters of a text that stays as it is."""
_DIGEST = "sha256:"


def shown(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with every long text replaced by `sha256:` and the hash of its UTF-8."""
    return {name: _short(value) for name, value in inputs.items()}


def is_digest(value: object) -> bool:
    """Whether `shown` put this in the place of a long text."""
    return isinstance(value, str) and value.startswith(_DIGEST) and len(value) == len(_DIGEST) + 64


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        # What no UTF-8 has (a lone surrogate) is hashed all the same: nothing here may raise.
        return _DIGEST + sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return value
