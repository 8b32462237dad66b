"""What an API key may do. Each scope stands for itself: none holds another."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """A key has one or more of these, and all of them are about its own tenant, but for ADMIN."""

    SUBMIT = "submit"
    """Submit jobs, upload images, change, retry and resolve: whatever may lead to a paid call."""
    READ = "read"
    """Read jobs, images, models, the account, the tenant and what pauses."""
    CANCEL = "cancel"
    """Cancel jobs; pause and resume the tenant and its groups."""
    ADMIN = "admin"
    """Pause and resume other tenants, accounts and models; end what an operator has paused."""


USUAL = frozenset({Scope.SUBMIT, Scope.READ, Scope.CANCEL})
"""What a key has of which nothing else was said."""
ALL = frozenset(Scope)


def written(scopes: Iterable[Scope]) -> str:
    """As they are kept and shown: in one order, with commas between."""
    wanted = frozenset(scopes)
    return ",".join(scope for scope in Scope if scope in wanted)


def read(text: str) -> frozenset[Scope]:
    """Raises `ValueError` that says what is allowed, for a name that is none and for no name."""
    names = [name for name in (one.strip() for one in text.split(",")) if name]
    wrong = [name for name in names if name not in set(Scope)]
    if wrong or not names:
        got = repr(wrong[0]) if wrong else "none"
        raise ValueError(f"scopes are {', '.join(Scope)}, with commas between; not {got}")
    return frozenset(Scope(name) for name in names)
