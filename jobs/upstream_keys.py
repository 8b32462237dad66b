"""Keys of upstream accounts as settings give them, and how much of one may be shown."""

import re
from collections.abc import Iterator
from datetime import timedelta

from jobs.errors import InvalidSetting

DEFAULT_ACCOUNT = "default"
"""The account of `SEGMIND_API_KEY`."""
ALLOWED_NAMES = "1 to 50 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit"

TAKEN_UP_WITHIN = timedelta(seconds=60)
"""Until then a process may call with a key that was replaced or removed: each looks every 5 s, but
one whose machine or database is slow may have claimed on what it saw before."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
_KEY = re.compile(r"[!-~]+")
_SHOWN = 4
_HIDDEN = "(not shown)"
_SEVERAL = "SEGMIND_API_KEYS"


def is_name(text: str) -> bool:
    """Whether an account may be called so: `ALLOWED_NAMES`."""
    return _NAME.fullmatch(text) is not None


def is_key(text: str) -> bool:
    """Whether it can stand in a header: printable ASCII without blanks."""
    return _KEY.fullmatch(text) is not None


def fingerprint(key: str) -> str:
    """The end of a key, by which whoever has it knows it: 4 characters at most, a quarter of it."""
    shown = min(_SHOWN, len(key) // 4)
    return key[len(key) - shown :]


def given_keys(one: str | None, several: str | None) -> dict[str, str]:
    """The keys of `SEGMIND_API_KEY` (`one`) and `SEGMIND_API_KEYS` (`several`), by account.

    `several` holds `name=key` with commas or line ends between; lines that begin with `#` are
    comments. Raises `InvalidSetting`, which shows no key, where a name or a key stands there twice:
    two limiters of one key would let twice as many calls leave as it allows.
    """
    found: dict[str, str] = {}
    if one and (key := one.strip()):
        if not is_key(key):
            raise InvalidSetting("SEGMIND_API_KEY", _HIDDEN, "printable ASCII without spaces")
        found[DEFAULT_ACCOUNT] = key
    for place, entry in enumerate(_entries(several or ""), 1):
        name, equals, key = (part.strip() for part in entry.partition("="))
        if not equals or not is_name(name) or not is_key(key):
            # Whatever stands there may be a key, even in the place of a name.
            raise InvalidSetting(
                _SEVERAL,
                _HIDDEN,
                f"name=key with commas or line ends between (a name: {ALLOWED_NAMES}); "
                f"number {place} is not",
            )
        if name in found or key in found.values():
            what = "name" if name in found else "key"
            raise InvalidSetting(
                _SEVERAL, _HIDDEN, f"each name and each key once; the {what} of {name} is not"
            )
        found[name] = key
    return found


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from (entry for entry in line.split(",") if entry.strip())
