"""Doubts, and costs that are only believed, compared with the provider's request history.

By the request's id where it is known; else by account, model and all inputs with the seed
(`jobs/matching.py`), in one full ascending pass for all that are due. What the history does not
tell, patience and the job's policy decide (`jobs/doubts.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from db.doubt_rows import Doubt
from jobs.catalog import Transport
from jobs.doubts import Pass, by_policy, lacking, next_look
from jobs.errors import RequestHeld, Unavailable
from jobs.failures import Failure, FailureKind
from jobs.matching import Unclear
from jobs.states import State
from upstream import HistoryUnread, Record, RequestState
from worker.doubt_ends import end_as_absent, end_by_policy, end_by_record, end_with
from worker.history_looks import LONGEST_SPAN, Look, Request, look
from worker.parts import Parts
from worker.polling import is_delayed, result_of

log = structlog.get_logger()

BATCH = 500
HOLD = timedelta(minutes=5)
"""How long nobody else looks for what this turn looks for: longer than most passes take."""
_GIVEN_UP = timedelta(days=2)
"""A cost that the history has not told by then stays believed; `segq audit` shows it."""
_PART_OF_TIME = 4
"""A pass that took long is begun again only after so many times as long."""


def reconcile(parts: Parts) -> dict[str, int]:
    """One turn; how many of those that were due ended, and how many go on."""
    now, due = parts.doubts.take_due(parts.account.id, BATCH, HOLD)
    turn = _Turn(parts, now)
    turn.each(turn.by_request, [one for one in due if one.request_id is not None])
    groups: dict[str, list[Doubt]] = defaultdict(list)
    for one in due:
        if one.request_id is None or one in turn.unknown_by_request:
            groups[one.job.model].append(one)
    for model, doubts in groups.items():
        turn.by_history(model, doubts)
    turn.keep()
    return dict(turn.came_to)


@dataclass(frozen=True)
class _Again:
    """When to look next, and what this look came to."""

    after: timedelta | None
    looked: str
    missed_at: datetime | None


@dataclass
class _Turn:
    """What is due now; `now` is the database's time."""

    parts: Parts
    now: datetime
    came_to: Counter[str] = field(default_factory=Counter)
    unknown_by_request: list[Doubt] = field(default_factory=list)
    again: dict[_Again, list[Doubt]] = field(default_factory=lambda: defaultdict(list))

    def each(self, work: Callable[[Doubt], None], doubts: Sequence[Doubt]) -> None:
        """For several at once, since each waits for Segmind; one that breaks keeps no other."""

        def guarded(doubt: Doubt) -> None:
            try:
                work(doubt)
            except Unavailable:
                log.warning("reconcile_delayed", job=doubt.job.id)  # the hold ends
            except RequestHeld as error:
                self.goes_on(doubt, str(error))
            except Exception:
                log.exception("cannot_reconcile", attempt=doubt.attempt_id)

        list(self.parts.askers.map(guarded, doubts))

    def by_request(self, doubt: Doubt) -> None:
        """Its request is known: nobody has to be recognised."""
        request_id = doubt.request_id or ""
        if doubt.transport is Transport.V2 and doubt.is_open:
            record = self.parts.segmind.record(request_id, whole=True)
            if not (isinstance(record, Failure) and record.kind is FailureKind.RECORD_EXPIRED):
                self._by_record(doubt, record)
                return
        row = self.parts.segmind.history_row(request_id)
        if isinstance(row, Failure):
            self.goes_on(doubt, f"Segmind's history cannot be read: {row.message}")
        elif row is not None:
            self._end(doubt, Request.of(row))
        elif doubt.transport is Transport.V2:
            self.goes_on(doubt, str(Unclear.MISSING))
        else:
            # Whether v1's id is the history's is documented nowhere.
            self.unknown_by_request.append(doubt)

    def by_history(self, model: str, doubts: Sequence[Doubt]) -> None:
        """In one pass; those whose calls were made weeks after the first wait for the next."""
        first = doubts[0].claimed_at
        near = [one for one in doubts if one.claimed_at <= first + LONGEST_SPAN]
        try:
            found = look(self.parts, model, near)
        except HistoryUnread as unread:
            for doubt in doubts:
                self.goes_on(doubt, f"Segmind's history cannot be read: {unread.failure.message}")
            return
        slow = timedelta(seconds=found.seconds * _PART_OF_TIME)
        self.each(lambda one: self._conclude(one, found, slow), near)
        for doubt in doubts[len(near) :]:
            self.goes_on(doubt, "it is looked for after those of weeks before")

    def goes_on(
        self,
        doubt: Doubt,
        looked: str,
        *,
        at_least: timedelta = timedelta(),
        missed_at: datetime | None = None,
    ) -> None:
        """Nothing has ended it: its policy may, or it is looked for again."""
        timing, job = self.parts.doubt_timing, doubt.job
        age = self.now - doubt.since
        if doubt.is_open and job.state is State.IN_DOUBT and job.number == doubt.number:
            end = by_policy(
                job.on_doubt,
                age=age,
                deadline_passed=job.doubt_deadline is not None and job.doubt_deadline <= self.now,
                attempts_left=job.attempts < job.max_attempts,
                timing=timing,
            )
            if end is not None:
                end_by_policy(self.parts, doubt, end)
                self.came_to[str(end.as_)] += 1
                return
        self.came_to["goes on"] += 1
        after: timedelta | None = max(at_least, next_look(age, timing))
        if not doubt.is_open and age > _GIVEN_UP:
            after = None
        elif after is not None and doubt.is_open:
            after = min([after, *self._bounds(doubt, age)])
        self.again[_Again(after, looked, missed_at)].append(doubt)

    def keep(self) -> None:
        """Write down when to look again, and what was seen."""
        for how, doubts in self.again.items():
            ids = [one.attempt_id for one in doubts]
            self.parts.doubts.look_again(ids, how.after, how.looked, how.missed_at)

    def _bounds(self, doubt: Doubt, age: timedelta) -> list[timedelta]:
        """What is still to come that may end it."""
        timing, deadline = self.parts.doubt_timing, doubt.job.doubt_deadline
        bounds = [timing.patience - age]
        if deadline is not None:
            bounds.append(deadline - self.now)
        if doubt.missed_at is not None:
            bounds.append(doubt.missed_at + timing.between_passes - self.now)
        return [bound for bound in bounds if bound > timedelta()]

    def _by_record(self, doubt: Doubt, record: Record | Failure) -> None:
        if isinstance(record, Failure):
            self.goes_on(doubt, f"its request cannot be asked about: {record.message}")
            return
        if record.state not in {RequestState.COMPLETED, RequestState.FAILED}:
            self.goes_on(doubt, "its request is under way")
            return
        result = result_of(self.parts, record)
        if is_delayed(record, result):
            self.goes_on(doubt, "the call was paid for, and its output cannot be fetched yet")
            return
        end_by_record(self.parts, doubt, result, record.facts)
        self.came_to["ended"] += 1

    def _conclude(self, doubt: Doubt, found: Look, slow: timedelta) -> None:
        verdict = found.found[doubt.attempt_id]
        if isinstance(verdict, Request):
            self._end(doubt, verdict)
        elif verdict is Unclear.MISSING and doubt.is_open:
            self._lacks(doubt, found, slow)
        else:
            self.goes_on(doubt, str(verdict), at_least=slow)

    def _end(self, doubt: Doubt, request: Request) -> None:
        why_not = end_with(self.parts, doubt, request)
        if why_not is None:
            self.came_to["ended"] += 1
        else:
            self.goes_on(doubt, why_not)

    def _lacks(self, doubt: Doubt, found: Look, slow: timedelta) -> None:
        timing = self.parts.doubt_timing
        one = Pass(self.now, found.lists_later_than(doubt))
        so_far = lacking(
            one, deadline_at=doubt.deadline_at, missed_at=doubt.missed_at, timing=timing
        )
        if so_far.absent:
            end_as_absent(self.parts, doubt)
            self.came_to["absent"] += 1
            return
        if not one.lists_a_later_call:
            why = "nor a call that was sent later and has settled, so it may lag behind"
        elif so_far.missed_at is None:
            sure = doubt.deadline_at + timing.absent_after
            why = f"which counts from {sure:%Y-%m-%d %H:%M:%S} UTC on"
        else:
            why = "and is looked through once more before that counts"
        self.goes_on(doubt, f"{Unclear.MISSING}, {why}", at_least=slow, missed_at=so_far.missed_at)
