"""Whether this process has the artifact store that belongs to its database.

Two workers with a folder each would keep a customer's images in two places, and the gateway would
find half of them. Names of hosts and folders do not tell: containers on one host share a volume
under different names, and two hosts have different folders under the same. So the store has a small
object named with an id, and the database knows the same id in its one row of `artifact_store`.
"""

import time
import uuid
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from db.artifacts import ArtifactsAway, ArtifactsRefused, ArtifactStore
from db.engine import Database
from db.tables import artifact_store
from jobs.errors import InvalidSetting, Unavailable

MARKERS = "store-id"
"""The folder of the marker, whose name is the id."""
REHEARSAL_SECONDS = 10.0
"""For what was put there by way of trial to be listed."""
MARKING_SECONDS = 30.0
"""For whoever has written the row to write the marker too, before another takes the row over."""
LATE_SECONDS = 3.0
"""For a marker that is known to be written to be seen."""
_NAME = "SEGQ_ARTIFACTS"
_LOOK_EVERY = 0.2


def confirm_store(
    database: Database, store: ArtifactStore, *, marking: float = MARKING_SECONDS
) -> None:
    """Return when the store is the database's; the first process of a database makes it so.

    Safe when several start at once, and after any of them died meanwhile. Raises `InvalidSetting`
    for another database's store, another store than the database's, or one that may not be used,
    and `Unavailable` when the database or the store does not answer now.
    """
    try:
        _rehearse(store)
        _Identity(database, store, marking).confirm()
    except ArtifactsRefused as error:
        raise InvalidSetting(_NAME, store.place, f"a place that can be used: {error}") from error
    except ArtifactsAway as error:
        raise Unavailable(str(error)) from error
    except ProgrammingError as error:
        # What PostgreSQL says where SQLite says `OperationalError`.
        raise Unavailable("the database's tables are not there: run `segq migrate`") from error


def _rehearse(store: ArtifactStore) -> None:
    """All that is needed of the store, so that no missing right is found out by a paid image."""
    key = f"rehearsal/{uuid.uuid4()}"
    store.put(key, b"")
    shown = _shows(store, key)
    store.remove(key)
    if not shown:
        raise ArtifactsRefused(f"{store.place} does not list what was put there")


def _shows(store: ArtifactStore, key: str) -> bool:
    """There are servers that show what they hold a moment late."""
    until = time.monotonic() + REHEARSAL_SECONDS
    folder = key.partition("/")[0]
    while not (shown := store.has(key) and key in store.list(folder)) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
    return shown


class _Identity:
    def __init__(self, database: Database, store: ArtifactStore, marking: float) -> None:
        self._database = database
        self._store = store
        self._marking = marking
        self._waits_for: UUID | None = None
        self._until = 0.0
        self._looks_until = 0.0

    def confirm(self) -> None:
        while not self._step():
            pass

    def _step(self) -> bool:
        # The markers first: whoever writes one has written its row before.
        markers = set(self._store.list(MARKERS))
        row = self._row()
        if row is None:
            if markers:
                raise self._belongs_to_another()
            return self._begin(None)
        if _marker(row.id) in markers:
            return row.marked_at is not None or self._finish(row.id)
        if row.marked_at is not None:
            # Looked at again: it may have been written between the two looks, or be listed late.
            if self._store.has(_marker(row.id)):
                return True
            if self._may_look_again():
                time.sleep(_LOOK_EVERY)
                return False
            raise self._refused(
                f"the store that belongs to this database, first used as {row.place}: share that "
                "folder between all hosts, or use s3://…, or copy all of its content here, "
                f"{MARKERS} too"
            )
        if self._has_waited_for(row.id):
            if markers:
                raise self._belongs_to_another()
            return self._begin(row.id)
        time.sleep(_LOOK_EVERY)
        return False

    def _begin(self, died: UUID | None) -> bool:
        """Write our row, in place of one whose writer has died, then the marker."""
        own = uuid.uuid4()
        found = {"id": own, "place": self._store.place, "created_at": self._database.now}
        try:
            with self._database.write() as connection:
                if died is None:
                    connection.execute(insert(artifact_store).values(one=1, **found))
                elif not connection.execute(
                    update(artifact_store).where(_unmarked(died)).values(**found)
                ).rowcount:
                    return False
        except IntegrityError:
            return False  # another start was faster
        # A name of its own: a start that comes to itself late must not write over another's.
        self._store.put(_marker(own), f"{found['place']}\n".encode())
        return self._finish(own)

    def _finish(self, own: UUID) -> bool:
        """False when another took us for dead, whose store it is then."""
        with self._database.write() as connection:
            return bool(
                connection.execute(
                    update(artifact_store)
                    .where(_unmarked(own))
                    .values(marked_at=self._database.now)
                ).rowcount
            )

    def _has_waited_for(self, other: UUID) -> bool:
        if self._waits_for != other:
            self._waits_for, self._until = other, time.monotonic() + self._marking
        return time.monotonic() > self._until

    def _may_look_again(self) -> bool:
        self._looks_until = self._looks_until or time.monotonic() + LATE_SECONDS
        return time.monotonic() < self._looks_until

    def _row(self) -> Row[Any] | None:
        with self._database.read() as connection:
            return connection.execute(select(artifact_store)).one_or_none()

    def _belongs_to_another(self) -> InvalidSetting:
        return self._refused(
            f"the store of no other database; remove its {MARKERS} when that one is gone for good"
        )

    def _refused(self, allowed: str) -> InvalidSetting:
        return InvalidSetting(_NAME, self._store.place, allowed)


def _marker(own: UUID) -> str:
    return f"{MARKERS}/{own}"


def _unmarked(own: UUID) -> ColumnElement[bool]:
    return (artifact_store.c.id == own) & artifact_store.c.marked_at.is_(None)
