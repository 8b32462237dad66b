"""Someone else in a key's team: calls of their own, which stand in the history that it reads."""

import json
import random
import time
from collections.abc import Iterator
from uuid import uuid4

from sandbox.entries import Entry
from sandbox.ledger import Row
from sandbox.limits import OutsideCalls
from sandbox.models import MODELS, MOST_SEED

MOST_AT_ONCE = 10_000
"""After a long silence no more of their calls are made up than this; the oldest are left out."""

_SECONDS = 4.0
_NOUNS = ("lighthouse", "bridge", "orchard", "violin", "harbour", "staircase", "teapot", "glacier")


class Teammates:
    """So many calls a minute, made up for whenever somebody looks. They cost this key nothing."""

    def __init__(self, per_minute: int, key: str, randomness: random.Random) -> None:
        self._calls = OutsideCalls(per_minute, time.monotonic())
        self._longest = MOST_AT_ONCE / max(1, per_minute) * 60 / 2
        self._key = key
        self._randomness = randomness

    def due(self, clock_offset: float, serials: Iterator[int]) -> Iterator[Entry]:
        """What they have called since the last look, in order, all of it completed."""
        now = time.monotonic()
        wall = time.time()
        for moment in self._calls.due(now, self._longest):
            yield self._made(moment, wall - now + moment, clock_offset, next(serials))

    def _made(self, moment: float, at: float, clock_offset: float, serial: int) -> Entry:
        model = self._randomness.choice(tuple(MODELS.values()))
        seed = self._randomness.randint(0, MOST_SEED)
        prompt = f"the team's {self._randomness.choice(_NOUNS)} no. {seed % 10_000}"
        inputs = json.dumps({"prompt": prompt, "seed": seed})
        row = Row(uuid4().hex, at, self._key, model.name, inputs=inputs, cost=model.price)
        created = at + clock_offset
        return Entry(
            row.id,
            row,
            serial=serial,
            created=created,
            appears=moment,
            submitted=moment,
            own=False,
            status="COMPLETED",
            updated=created + _SECONDS,
            outputs=(uuid4().hex,),  # a file of theirs, which is not kept
            inference_seconds=_SECONDS,
        )
