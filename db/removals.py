"""What is to be removed from the artifact store.

Written by the commit that says that something is gone, and done after it: whoever dies in between
leaves bytes that nobody is shown and that a later turn finds here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from db.among import among
from db.engine import Database
from db.tables import removals


@dataclass(frozen=True)
class Removal:
    """An artifact that belongs to nothing any more; `bytes` as far as they are known."""

    artifact: str
    bytes: int = 0


class Removals:
    """A list to be worked off by anybody, in any order, twice if it happens so."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._behind = ""

    def next(self, limit: int) -> list[Removal]:
        """Up to `limit` of them, behind those that were given before; fewer: it begins anew then. So
        what cannot be removed is in nobody's way.
        """
        mine = select(removals).where(removals.c.artifact > self._behind)
        with self._database.read() as connection:
            rows = connection.execute(mine.order_by(removals.c.artifact).limit(limit)).all()
        self._behind = rows[-1].artifact if len(rows) == limit else ""
        return [Removal(row.artifact, row.bytes) for row in rows]

    def done(self, artifacts: Sequence[str]) -> None:
        """These are not in the artifact store any more."""
        with self._database.write() as connection:
            connection.execute(
                delete(removals).where(among(self._database, removals.c.artifact, "artifacts")),
                {"artifacts": list(artifacts)},
            )


def write_down(
    connection: Connection, database: Database, found: Iterable[Removal], now: datetime
) -> None:
    """Have these removed once this is committed. One that stands there already stays."""
    # In one order: two that have the same ones wait for each other.
    ordered = sorted(found, key=lambda one: one.artifact)
    if ordered:
        put = (sqlite if database.is_sqlite else postgresql).insert(removals)
        rows = [{**vars(one), "since": now} for one in ordered]
        connection.execute(put.on_conflict_do_nothing(), rows)
