"""All calls that started, in the order in which they did."""

import math
import random
import time
from collections import deque
from collections.abc import Iterable
from uuid import uuid4

from sandbox.entries import Entry
from sandbox.ledger import Row
from sandbox.settings import Settings
from sandbox.teammates import Teammates

MOST_ENTRIES = 300_000


class History:
    """The newest entries of every key; each is found by its id too, teammates' are not."""

    def __init__(self, keys: Iterable[str], settings: Settings, randomness: random.Random) -> None:
        self._randomness = randomness
        self._entries: dict[str, deque[Entry]] = {key: deque() for key in keys}
        self._by_id: dict[str, Entry] = {}
        self.team_up(settings.teammates_rpm)

    def team_up(self, per_minute: int) -> None:
        """From now on each key's teammates make so many calls a minute."""
        self._teammates = {
            key: Teammates(per_minute, key, self._randomness) for key in self._entries
        }

    def begin(self, row: Row, settings: Settings) -> Entry:
        """Note that the call of ``row`` starts now."""
        self._catch_up(row.key, settings)
        now, created = time.monotonic(), time.time() + settings.clock_offset
        lag = settings.history_lag.draw(self._randomness)
        missing = self._randomness.random() < settings.history_missing
        other = row.transport == "v1" and settings.history_ids == "other"
        entry = Entry(
            uuid4().hex if other else row.id,
            row,
            created=created,
            updated=created,
            appears=math.inf if missing else now + lag,
            submitted=now,
        )
        self._by_id[entry.id] = entry
        self._append(entry)
        return entry

    def shown(self, key: str, settings: Settings) -> list[Entry]:
        """What the history shows to ``key`` now, the oldest first."""
        self._catch_up(key, settings)
        now = time.monotonic()
        return [entry for entry in self._entries[key] if entry.appears <= now]

    def find(self, key: str, request_id: str) -> Entry | None:
        """The call of ``key`` with this id, whether or not the history shows it already."""
        entry = self._by_id.get(request_id)
        return entry if entry is not None and entry.row.key == key else None

    def clear(self) -> None:
        """Forget every entry; a call that is still running ends unseen."""
        self._by_id.clear()
        for entries in self._entries.values():
            entries.clear()

    def _catch_up(self, key: str, settings: Settings) -> None:
        # Before anything is appended or read, so that all stand in the order of their creation.
        for entry in self._teammates[key].due(settings.clock_offset):
            self._append(entry)

    def _append(self, entry: Entry) -> None:
        entries = self._entries[entry.row.key]
        entries.append(entry)
        if len(entries) > MOST_ENTRIES:
            self._by_id.pop(entries.popleft().id, None)
