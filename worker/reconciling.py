"""Doubts, and costs that are only believed, compared with the provider's request history.

By the request's id where it is known; else by account, model and all inputs with the seed
(`jobs/matching.py`), in one full ascending pass for all that are due. What the history does not
tell, patience and the job's policy decide (`jobs/doubts.py`).
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from db.account_values import Account
from db.doubt_rows import Doubt
from jobs.catalog import MODELS, Transport
from jobs.doubts import Pass, by_policy, lacking
from jobs.errors import RequestHeld, Unavailable
from jobs.failures import Failure, FailureKind
from jobs.matching import HistoryStatus, Unclear
from jobs.states import State
from upstream import HistoryUnread, Record, RequestState, Segmind
from worker.doubt_ends import end_as_absent, end_by_policy, end_by_record, end_with
from worker.history_looks import LONGEST_SPAN, Look, Request, look
from worker.next_looks import Again, Agenda, looked_for_in
from worker.parts import Parts
from worker.polling import is_delayed, result_of

log = structlog.get_logger()

BATCH = 500
HOLD = timedelta(minutes=5)
"""How long nobody else looks for what this turn looks for: longer than most passes take."""
_PART_OF_TIME = 4
"""A pass that took long is begun again only after so many times as long."""
_BROKEN = "it could not be looked for: the log of upkeep says why"
_NO_KEY = "the key of its account is not known to upkeep, so nobody can look for it"
_ANOTHER_KEY = "and the account's key has changed since: that of another account cannot have it"
_IN_PART = "Segmind's history lists the call, and not yet all of its outputs"


def reconcile(parts: Parts) -> dict[str, int]:
    """One turn; how many of those that were due ended, and how many go on.

    Of each account that the pool has or had, with its own key; beside each other, since a pass
    through one's history may take minutes.
    """
    accounts = parts.accounts.ever_of_pool(parts.pool)
    came_to = Counter[str]()
    with ThreadPoolExecutor(max(1, len(accounts)), "reconcile") as turns:
        for one in turns.map(partial(_reconcile, parts), accounts):
            came_to += one
    return dict(came_to)


def _reconcile(parts: Parts, account: Account) -> Counter[str]:
    now, due = parts.doubts.take_due(account.id, BATCH, HOLD)
    if not due:
        return Counter()
    upstream = parts.upstream.of(account.id)
    # Read after its key was taken: whether it has come to that one is known then.
    account = parts.accounts.get(account.id)
    turn = _Turn(parts, account, upstream.segmind if upstream else None, now)
    if upstream is None:
        # Nobody can look; patience and the jobs' policies hold all the same.
        turn.each(partial(turn.goes_on, looked=_NO_KEY), due)
        turn.keep()
        return turn.came_to
    turn.each(turn.by_request, [one for one in due if one.request_id is not None])
    groups: dict[str, list[Doubt]] = defaultdict(list)
    for one in due:
        if one.request_id is None or one in turn.unknown_by_request:
            groups[one.job.model].append(one)
    for model, doubts in groups.items():
        turn.by_history(model, doubts)
    turn.keep()
    return turn.came_to


@dataclass
class _Turn:
    """What is due now; `now` is the database's time when it was taken."""

    parts: Parts
    account: Account
    """Whose doubts these are."""
    asked: Segmind | None
    """With the account's key; None: it is not known."""
    now: datetime
    began: float = field(default_factory=time.monotonic)
    came_to: Counter[str] = field(default_factory=Counter)
    unknown_by_request: list[Doubt] = field(default_factory=list)
    known_in_part: set[UUID] = field(default_factory=set)
    """Whose request is known, and has more rows than the one that is given for an id."""
    agenda: Agenda = field(default_factory=Agenda)

    @property
    def segmind(self) -> Segmind:
        if self.asked is None:
            raise RuntimeError("Segmind cannot be asked without the account's key")
        return self.asked

    def each(self, work: Callable[[Doubt], None], doubts: Sequence[Doubt]) -> None:
        """For several at once, since each waits for Segmind; one that breaks keeps no other."""

        def guarded(doubt: Doubt) -> None:
            why = self._tried(work, doubt)
            if why is not None:
                self._tried(partial(self.goes_on, looked=why), doubt)

        list(self.parts.askers.map(guarded, doubts))

    def _tried(self, work: Callable[[Doubt], None], doubt: Doubt) -> str | None:
        """Why it could not be done, where the doubt goes on for that."""
        try:
            work(doubt)
        except Unavailable:
            log.warning("reconcile_delayed", job=doubt.job.id)  # the hold ends
        except RequestHeld as error:
            return str(error)
        except Exception:
            log.exception("cannot_reconcile", attempt=doubt.attempt_id)
            return _BROKEN
        return None

    def by_request(self, doubt: Doubt) -> None:
        """Its request is known: nobody has to be recognised."""
        request_id = doubt.request_id or ""
        if doubt.transport is Transport.V2 and doubt.is_open:
            record = self.segmind.record(request_id, whole=True)
            if not (isinstance(record, Failure) and record.kind is FailureKind.RECORD_EXPIRED):
                self._by_record(doubt, record)
                return
        row = self.segmind.history_row(request_id)
        if isinstance(row, Failure):
            self.goes_on(doubt, f"Segmind's history cannot be read: {row.message}")
        elif row is not None and doubt.is_open and _samples(doubt) > 1:
            # One row for each output: they are all in the list alone.
            self.known_in_part.add(doubt.attempt_id)
            self.unknown_by_request.append(doubt)
        elif row is not None:
            self._end(doubt, Request.of(row))
        elif doubt.transport is Transport.V2:
            self.goes_on(doubt, str(Unclear.MISSING))
        else:
            # Whether v1's id is the history's is documented nowhere.
            self.unknown_by_request.append(doubt)

    def by_history(self, model: str, doubts: Sequence[Doubt]) -> None:
        """In one pass, or in several where calls were made weeks after the first."""
        while doubts:
            first = doubts[0].claimed_at
            near = [one for one in doubts if one.claimed_at <= first + LONGEST_SPAN]
            doubts = doubts[len(near) :]
            began_at = self.now + timedelta(seconds=time.monotonic() - self.began)
            try:
                found = look(self.parts, self.segmind, model, near)
            except Unavailable:
                raise
            except Exception as error:
                why = _BROKEN
                if isinstance(error, HistoryUnread):
                    why = f"Segmind's history cannot be read: {error.failure.message}"
                else:
                    log.exception("cannot_reconcile", attempt=near[0].attempt_id)
                self.each(partial(self.goes_on, looked=why), near)
            else:
                self.each(partial(self._conclude, found=found, began_at=began_at), near)

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
        age = self.now - (doubt.finished_at or doubt.since)
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
        after = looked_for_in(doubt, age, self.now, timing, at_least)
        self.agenda.put(doubt.attempt_id, Again(after, looked, missed_at))

    def keep(self) -> None:
        """Write down when to look again, and what was seen."""
        self.agenda.keep(self.parts.doubts, self.now + HOLD)

    def _by_record(self, doubt: Doubt, record: Record | Failure) -> None:
        if isinstance(record, Failure):
            self.goes_on(doubt, f"its request cannot be asked about: {record.message}")
            return
        if record.state not in {RequestState.COMPLETED, RequestState.FAILED}:
            self.goes_on(doubt, "its request is under way")
            return
        result = result_of(self.segmind, record)
        if is_delayed(record, result):
            self.goes_on(doubt, "the call was paid for, and its output cannot be fetched yet")
            return
        end_by_record(self.parts, doubt, result, record.facts)
        self.came_to["ended"] += 1

    def _conclude(self, doubt: Doubt, found: Look, began_at: datetime) -> None:
        verdict = found.found[doubt.attempt_id]
        slow = timedelta(seconds=found.seconds * _PART_OF_TIME)
        if isinstance(verdict, Request):
            self._end(doubt, verdict)
        elif doubt.attempt_id in self.known_in_part:
            self.goes_on(doubt, _IN_PART, at_least=slow)
        elif verdict is Unclear.MISSING and doubt.is_open:
            self._lacks(doubt, found, began_at)
        else:
            self.goes_on(doubt, str(verdict), at_least=slow)

    def _end(self, doubt: Doubt, request: Request) -> None:
        if self._lags(doubt, request):
            self.goes_on(doubt, _IN_PART)
            return
        why_not = end_with(self.parts, self.segmind, doubt, request)
        if why_not is None:
            self.came_to["ended"] += 1
        else:
            self.goes_on(doubt, why_not)

    def _lags(self, doubt: Doubt, request: Request) -> bool:
        """Whether outputs are missing that may still be listed; what is there by then is taken."""
        age, deadline = self.now - doubt.since, doubt.job.doubt_deadline
        return (
            doubt.is_open
            and request.status is HistoryStatus.COMPLETED
            and 0 < len(request.outputs) < _samples(doubt)
            and age < self.parts.doubt_timing.patience
            and (deadline is None or deadline > self.now)
        )

    def _lacks(self, doubt: Doubt, found: Look, began_at: datetime) -> None:
        timing = self.parts.doubt_timing
        slow = timedelta(seconds=found.seconds * _PART_OF_TIME)
        if self.account.may_be_of_another_key(doubt.claimed_at):
            # Calls that the new key paid for would show that its own history has caught up.
            self.goes_on(doubt, f"{Unclear.MISSING}, {_ANOTHER_KEY}", at_least=slow)
            return
        one = Pass(began_at, found.lists_later_than(doubt))
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


def _samples(doubt: Doubt) -> int:
    model = MODELS.get(doubt.job.model)
    return model.samples(doubt.job.input) if model is not None else 1
