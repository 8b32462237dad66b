"""Ids sort by creation, so "oldest first" needs no second column."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562)."""
    return uuid7()
