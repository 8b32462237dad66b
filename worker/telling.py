"""Tells an account's limiter what became of its calls, and keeps what it learns by them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Lock

import structlog

from db.account_limits import AccountLimits
from jobs import account_pauses, limiting, window_kind
from jobs.account_pauses import Pause, RateLimit, ResetBounds
from jobs.arrival import arrived_within
from jobs.errors import Unavailable
from jobs.failures import Failure
from jobs.window_kind import Resets
from upstream import Reply, Submission
from worker.limiter import Answered, Limiter
from worker.taken import Taken
from worker.together import Failed, Together

log = structlog.get_logger()

MOST_AT_ONCE = 100
"""Answers told in one trip."""


class Telling:
    """At once, before anything of an answer is kept: what it counts for may have left the window."""

    def __init__(self, limiter: Limiter, limits: AccountLimits) -> None:
        self._limiter = limiter
        self._limits = limits
        self._together = Together(self._tell, MOST_AT_ONCE)
        self._lock = Lock()
        self._resets = Resets()
        self._kind = limiter.account.window_kind

    def came_back(
        self, taken: Taken, reply: Reply | Submission, bounds: ResetBounds
    ) -> Pause | None:
        """A call that had left came back with this; the pause that a 429 has begun. Never fails."""
        self._look_at_reset(reply)
        failure = reply.result if isinstance(reply.result, Failure) else None
        if failure is not None:
            limit = account_pauses.rate_limit(failure, datetime.now(UTC), bounds)
            if limit is not None:
                return self._refused(taken, failure, limit)
        answered = Answered(taken.permit, _arrived(taken, reply), limiting.ended(failure))
        self._together.do(answered)
        return None

    def _tell(self, calls: Sequence[Answered]) -> Sequence[Failed | None]:
        try:
            self._limiter.answered(*calls)
        except Unavailable:
            log.warning("limiter_unavailable", permits=len(calls))  # they count for longer
        return [None] * len(calls)

    def _refused(self, taken: Taken, failure: Failure, limit: RateLimit) -> Pause:
        wait = limit.wait
        try:
            seconds = limit.wait.total_seconds()
            refusal = self._limiter.refused(taken.permit, seconds, stated=limit.stated)
            if refusal is not None:
                wait = timedelta(seconds=refusal.pause)
                belief = refusal.learned.belief
                log.info(
                    "limit_met",
                    account=self._limiter.account.name,
                    limit=belief,
                    seconds=refusal.pause,
                )
                self._limits.learn(self._limiter.account.id, refusal.learned)
        except Unavailable:
            log.warning("limiter_unavailable", permits=1)
        return account_pauses.limited(datetime.now(UTC), wait, failure.message)

    def _look_at_reset(self, reply: Reply | Submission) -> None:
        told = reply.facts.resets_at
        if told is None:
            return
        now = reply.facts.date or reply.arrived_at
        window = self._limiter.account.window_seconds
        with self._lock:
            found = window_kind.seen(self._resets, told.timestamp(), now.timestamp(), window)
            self._resets = found

    def keep_window_kind(self) -> None:
        """Write down how the provider's window is, where that is news. Never fails."""
        with self._lock:
            kind = self._resets.kind
            if kind is None or kind == self._kind:
                return
            self._kind = kind
        with suppress(Unavailable):  # it is only shown
            self._limits.tell_window_kind(self._limiter.account.id, kind)


def _arrived(taken: Taken, reply: Reply | Submission) -> float:
    """Seconds from when the permit opened until the call was counted, at the latest."""
    if reply.sent_at is None or reply.sent_monotonic is None:
        raise TypeError("a call that never left has not come back")
    facts = reply.facts
    answered = (reply.arrived_at - reply.sent_at).total_seconds()
    way = arrived_within(answered, facts.generation_seconds, facts.generation_step)
    if reply.status is None:
        way = arrived_within(answered, None)
    return reply.sent_monotonic - taken.opened_at + way
