"""How a doubt ends: the provider's history is looked at, as `worker/reconciling.py` does it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from cli.simulation.account import TIMING
from cli.simulation.call import Call
from cli.simulation.clock import Clock, moment
from cli.simulation.provider import REFUSED, Fate
from jobs import doubts
from jobs.doubts import SENT_AGAIN, USUAL_TIMING, DoubtEnd, Pass
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import State

_AGAIN = Decision(State.QUEUED, spends_attempt=False)
_RECOVERED = Decision(State.SUCCEEDED, spends_attempt=True)
_FAILED = Failure(FailureKind.UPSTREAM_ERROR, "the history says that the call failed")


class Doubts:
    """`end` is told what each doubt came to, and whether its job may be paid for twice."""

    def __init__(self, clock: Clock, end: Callable[[Call, Decision | Failure, bool], None]) -> None:
        self.open = 0
        self._clock = clock
        self._end = end

    def begin(self, call: Call) -> None:
        """Nobody knows whether this call ran."""
        self.open += 1
        self._look_later(call, self._clock.now, None)

    def _look_later(self, call: Call, began: int, missed_at: datetime | None) -> None:
        age = timedelta(microseconds=self._clock.now - began)
        after = doubts.next_look(age, USUAL_TIMING) // timedelta(microseconds=1)
        self._clock.after(after, self._look, call, began, missed_at)

    def _look(self, call: Call, began: int, missed_at: datetime | None) -> None:
        now = self._clock.now
        listed = call.fate is not None and call.fate not in REFUSED
        if listed and call.ran:
            self._ends(call, _FAILED if call.fate is Fate.ERROR else _RECOVERED)
            return
        if not listed:
            later = call.account.provider.settled_sent > call.claimed_at
            found = doubts.lacking(
                Pass(moment(now), later),
                deadline_at=moment(call.claimed_at) + TIMING.bound,
                missed_at=missed_at,
                timing=USUAL_TIMING,
            )
            if found.absent:
                self._ends(call, _AGAIN, DoubtEnd.ABSENT)
                return
            missed_at = found.missed_at
        job = call.job
        end = doubts.by_policy(
            job.asked.on_doubt,
            age=timedelta(microseconds=now - began),
            deadline_passed=False,
            attempts_left=job.attempts < job.asked.max_attempts,
            timing=USUAL_TIMING,
        )
        if end is None:
            self._look_later(call, began, missed_at)
        else:
            self._ends(call, end.decision, end.as_)

    def _ends(self, call: Call, told: Decision | Failure, end: DoubtEnd | None = None) -> None:
        self.open -= 1
        self._end(call, told, end in SENT_AGAIN)
