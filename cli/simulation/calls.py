"""A call from its claim to its settle: permit → claim → call → settle, as `worker/run.py` has it."""

from collections.abc import Callable
from random import Random

from cli.simulation.account import DEADLINE, TIMING
from cli.simulation.backlog import Backlog
from cli.simulation.call import Call
from cli.simulation.clock import Clock, seconds
from cli.simulation.doubts import Doubts
from cli.simulation.measures import Measures
from cli.simulation.permits import Left
from cli.simulation.provider import REFUSED, Fate
from cli.simulation.scenario import Latency
from jobs.arrival import arrived_within
from jobs.failures import Failure, FailureKind
from jobs.pace import SECOND, SEND_GUARD
from jobs.retry import Decision, decide
from jobs.states import State

_SWEEP = 5 * SECOND
"""Between two turns of the sweeper."""
_LEASE = round(TIMING.lease.total_seconds() * SECOND)
_HEARTBEAT = round(TIMING.heartbeat * SECOND)
_SUCCEEDED = Decision(State.SUCCEEDED, spends_attempt=True)
_FAILURES = {
    Fate.ERROR: Failure(FailureKind.UPSTREAM_ERROR, "Internal error", 500),
    Fate.LOST: Failure(FailureKind.CONNECTION_LOST, "no answer within the deadline"),
}
_NOT_SENT = Failure(FailureKind.NOT_SENT, "too late after its claim")
_WORKER_LOST = Failure(FailureKind.WORKER_LOST, "its worker was lost")


class Calls:
    """`freed` is told of a slot whose call is over, by its process."""

    def __init__(
        self,
        clock: Clock,
        backlog: Backlog,
        measures: Measures,
        latency: Latency,
        random: Random,
        freed: Callable[[Call], None],
    ) -> None:
        self.doubts = Doubts(clock, self._doubt_ended)
        self.leases = 0
        """Claims that are not settled."""
        self._clock = clock
        self._backlog = backlog
        self._measures = measures
        self._latency = latency
        self._random = random
        self._freed = freed

    def begin(self, call: Call) -> None:
        """Its job was just claimed, with a permit that is good from `granted_at` on."""
        job = call.job
        job.calls += 1
        self.leases += 1
        call.account.claimed(call.permit, job.price)
        tenant = self._measures.of[job.asked.tenant]
        if job.started < 0:
            job.started = call.claimed_at
            tenant.waits.append(call.claimed_at - job.arrived)
        sent_at = call.claimed_at + self._drawn(self._latency.send)
        self._clock.at(max(sent_at, call.granted_at), self._send, call)

    def lose(self, call: Call) -> None:
        """Its worker was killed just now. The sweeper notices when its lease has run out."""
        now = self._clock.now
        # Heartbeats go out on the whole tens of seconds here.
        renewed = max(call.claimed_at, now // _HEARTBEAT * _HEARTBEAT)
        runs_out = max(now, renewed + _LEASE)
        call.process = -1
        self._clock.at(-(-runs_out // _SWEEP) * _SWEEP, self._swept, call)

    def _send(self, call: Call) -> None:
        if call.process < 0:
            return
        if self._clock.now - call.claimed_at > SEND_GUARD:
            call.account.give_back(call.permit)
            self._settle(call, _NOT_SENT)
            return
        call.sent_at = self._clock.now
        self._measures.calls += 1
        self._clock.after(self._drawn(self._latency.way), self._arrive, call)

    def _arrive(self, call: Call) -> None:
        found = call.account.provider.judge(call.job.price)
        call.fate, call.took, call.resets_in = found.fate, found.takes, found.resets_in
        if found.fate in REFUSED:
            self._clock.after(self._latency.way, self._answered, call, found.fate)
        else:
            self._clock.after(found.takes, self._ran, call, found.fate)

    def _ran(self, call: Call, fate: Fate) -> None:
        call.ran = True
        call.account.provider.settle(fate, call.sent_at, call.job.price)
        gives_up = call.sent_at + DEADLINE
        if fate is Fate.LOST or self._clock.now > gives_up:
            self._clock.at(gives_up, self._answered, call, Fate.LOST)
        else:
            self._answered(call, fate)

    def _answered(self, call: Call, fate: Fate) -> None:
        account, price = call.account, call.job.price
        if call.process < 0:
            return
        left = Left(call.permit, call.sent_at - call.granted_at + self._way(call, fate))
        if fate is Fate.LIMITED:
            failure: Failure | None = account.refused(left, call.resets_in)
        else:
            failure = account.out_of_credits(price) if fate in REFUSED else _FAILURES.get(fate)
            account.answered(left, call.sent_at, failure)
        self._settle(call, failure)

    def _way(self, call: Call, fate: Fate) -> int:
        """How long a call took to the provider's counter, as its worker can tell."""
        generation = call.took / SECOND if fate is Fate.IMAGE else None
        return seconds(arrived_within((self._clock.now - call.sent_at) / SECOND, generation))

    def _settle(self, call: Call, failure: Failure | None) -> None:
        self._freed(call)
        self._close(call, failure)

    def _swept(self, call: Call) -> None:
        self._close(call, _WORKER_LOST)

    def _close(self, call: Call, failure: Failure | None) -> None:
        """Settle the attempt; what it may have cost stays reserved while it is in doubt."""
        job = call.job
        decision = _SUCCEEDED if failure is None else self._decide(call, failure)
        job.attempts += decision.spends_attempt
        self.leases -= 1
        self._backlog.ended(job)
        if decision.state is State.IN_DOUBT:
            self._backlog.become(job, decision)
            self.doubts.begin(call)
        else:
            call.account.released(job.price)
            self._backlog.become(job, decision)
        self._backlog.look()

    def _doubt_ended(self, call: Call, told: Decision | Failure, again: bool) -> None:
        job = call.job
        # The doubt has spent an attempt, which is not to count twice.
        job.attempts -= 1
        decision = self._decide(call, told) if isinstance(told, Failure) else told
        job.attempts += decision.spends_attempt
        self._measures.sent_again += again
        call.account.released(job.price)
        self._backlog.become(job, decision)

    def _decide(self, call: Call, failure: Failure) -> Decision:
        job = call.job
        return decide(
            failure,
            spent=job.attempts,
            max_attempts=job.asked.max_attempts,
            number=job.calls,
            now=self._clock.datetime,
            uniform=self._random.uniform,
        )

    def _drawn(self, median: int) -> int:
        return round(median * self._random.lognormvariate(0, self._latency.sigma))
