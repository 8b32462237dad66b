"""When a doubt that nothing has ended is looked for again, and what was seen of it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from db.doubt_rows import Doubt
from db.doubts import DoubtStore
from jobs.doubts import DoubtTiming, next_look

_GIVEN_UP = timedelta(days=2)
"""A cost that the history has not told by then stays believed; `segq audit` shows it."""


@dataclass(frozen=True)
class Again:
    """When to look next (None: never), and what this look came to."""

    after: timedelta | None
    looked: str
    missed_at: datetime | None


class Agenda:
    """What a turn leaves to later ones; filled by several threads, kept by one."""

    def __init__(self) -> None:
        self._entries: list[tuple[Again, UUID]] = []

    def put(self, attempt_id: UUID, again: Again) -> None:
        """The attempt is looked for again."""
        self._entries.append((again, attempt_id))

    def keep(self, doubts: DoubtStore, held_until: datetime) -> None:
        """Write all of it down, those alike together. `held_until`: for how long they were taken."""
        alike: dict[Again, list[UUID]] = defaultdict(list)
        for how, attempt_id in self._entries:
            alike[how].append(attempt_id)
        for how, ids in alike.items():
            doubts.look_again(ids, how.after, how.looked, how.missed_at, held_until=held_until)


def looked_for_in(
    doubt: Doubt, age: timedelta, now: datetime, timing: DoubtTiming, at_least: timedelta
) -> timedelta | None:
    """How long until it is looked for again; None: never. `at_least`: as a look that took long asks."""
    if not doubt.is_open and age > _GIVEN_UP:
        return None
    after = max(at_least, next_look(age, timing))
    return min([after, *_bounds(doubt, age, now, timing)]) if doubt.is_open else after


def _bounds(doubt: Doubt, age: timedelta, now: datetime, timing: DoubtTiming) -> list[timedelta]:
    """What is still to come that may end it."""
    deadline = doubt.job.doubt_deadline
    bounds = [timing.patience - age]
    if deadline is not None:
        bounds.append(deadline - now)
    if doubt.missed_at is not None:
        bounds.append(doubt.missed_at + timing.between_passes - now)
    return [bound for bound in bounds if bound > timedelta()]
