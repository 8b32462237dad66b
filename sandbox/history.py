"""All calls that started, in the order in which they did."""

import heapq
import math
import random
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from itertools import count
from uuid import uuid4

from sandbox.entries import Entry
from sandbox.ledger import Row
from sandbox.listing import Listing
from sandbox.models import MODELS
from sandbox.settings import Settings
from sandbox.teammates import Teammates

MOST_ENTRIES = 300_000


class History:
    """The newest entries: by their ids, teammates' left out, and as each key is shown them."""

    def __init__(self, keys: Iterable[str], settings: Settings, randomness: random.Random) -> None:
        self._keys = list(keys)
        self._randomness = randomness
        self._serials = count()
        self.team_up(settings.teammates_rpm)
        self.clear()

    def clear(self) -> None:
        """Forget every entry; a call that is still running ends unseen."""
        self._by_id: OrderedDict[str, Entry] = OrderedDict()
        self._shown = {key: _Shown() for key in self._keys}

    def team_up(self, per_minute: int) -> None:
        """From now on each key's teammates make so many calls a minute."""
        self._teammates = {key: Teammates(per_minute, key, self._randomness) for key in self._keys}

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
            serial=next(self._serials),
            created=created,
            updated=created,
            appears=math.inf if missing else now + lag,
            submitted=now,
        )
        self._by_id[entry.id] = entry
        if len(self._by_id) > MOST_ENTRIES:
            self._by_id.popitem(last=False)
        self._shown[row.key].add(entry, now)
        return entry

    def complete(self, entry: Entry, outputs: tuple[str, ...]) -> None:
        """It made ``outputs``: one row for each from now on."""
        entry.complete(outputs)
        self._shown[entry.row.key].widen(entry)

    def listing(self, key: str, models: Collection[str], settings: Settings) -> Listing:
        """What is shown to ``key`` now of ``models``."""
        self._catch_up(key, settings)
        return self._shown[key].listing(models, time.monotonic())

    def find(self, key: str, request_id: str) -> Entry | None:
        """The call of ``key`` with this id, whether or not the history shows it already."""
        entry = self._by_id.get(request_id)
        return entry if entry is not None and entry.row.key == key else None

    def _catch_up(self, key: str, settings: Settings) -> None:
        # Before anything is added or read, so that all stand in the order of their creation.
        for entry in self._teammates[key].due(settings.clock_offset, self._serials):
            self._shown[key].add(entry, entry.appears)


class _Shown:
    """What one key is shown: at once, later or never."""

    def __init__(self) -> None:
        self._all = Listing(MOST_ENTRIES)
        self._of_model = {name: Listing(MOST_ENTRIES) for name in MODELS}
        self._later: list[tuple[float, int, Entry]] = []

    def add(self, entry: Entry, now: float) -> None:
        if entry.appears <= now:
            self._show(entry)
        elif entry.appears < math.inf and len(self._later) < MOST_ENTRIES:
            heapq.heappush(self._later, (entry.appears, entry.serial, entry))

    def widen(self, entry: Entry) -> None:
        self._all.widen(entry)
        self._of_model[entry.row.model].widen(entry)

    def listing(self, models: Collection[str], now: float) -> Listing:
        while self._later and self._later[0][0] <= now:
            self._show(heapq.heappop(self._later)[2])
        if len(models) == len(self._of_model):
            return self._all
        if len(models) == 1:
            return self._of_model[next(iter(models))]
        return Listing(
            MOST_ENTRIES, (line for line in self._all.lines if line[0].row.model in models)
        )

    def _show(self, entry: Entry) -> None:
        self._all.add(entry)
        self._of_model[entry.row.model].add(entry)
