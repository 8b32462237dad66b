"""The worker processes: each has a turnstile, as `worker/turnstile.py` says, and slots behind it."""

from cli.simulation.account import Account
from cli.simulation.backlog import Backlog
from cli.simulation.call import Call
from cli.simulation.calls import Calls
from cli.simulation.clock import Clock, seconds
from cli.simulation.measures import Measures
from cli.simulation.scenario import Scenario
from jobs.account_choice import AccountChoice
from jobs.pace import SECOND

_LONGEST_NAP = 1 * SECOND
_MOST_AT_ONCE = 100
"""Both as in `worker/turnstile.py`, which this may not import."""
_TURN = SECOND // 500
"""A question to Redis and a claim."""
_RESTART = seconds(3)
"""From a kill until the process serves again: its supervisor waits for half a second."""


class _Process:
    __slots__ = ("born", "calls", "choice", "due", "free", "number")

    def __init__(self, number: int, slots: int) -> None:
        self.number = number
        self.free = slots
        self.calls: dict[Call, None] = {}
        """Those under way, in a steady order: a set of objects has none."""
        self.due = False
        """Whether a turn of its turnstile is coming."""
        self.born = 0
        """Counts its lives: a turn of an earlier one does nothing."""
        self.choice = AccountChoice(_LONGEST_NAP)


class Fleet:
    """`add` what it needs of the rest, then `wake` it when there is work."""

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        accounts: list[Account],
        measures: Measures,
    ) -> None:
        self.calls: Calls
        self.backlog: Backlog
        self._clock = clock
        self._accounts = {one.name: one for one in accounts}
        self._measures = measures
        self._slots = scenario.workers.slots
        self._processes = [_Process(n, self._slots) for n in range(scenario.workers.processes)]
        self._idle = dict.fromkeys(self._processes)

    @property
    def busy(self) -> int:
        """Slots with a call under way."""
        return sum(len(one.calls) for one in self._processes)

    def wake(self) -> None:
        """One more job may run: one more process comes to its turnstile, if any sleeps."""
        if self._idle:
            process = next(iter(self._idle))
            del self._idle[process]
            self._come(process, _TURN)

    def freed(self, call: Call) -> None:
        """A call is over, and its slot free."""
        process = self._processes[call.process]
        del process.calls[call]
        process.free += 1
        if process not in self._idle:
            self._come(process, _TURN)

    def kill(self, number: int) -> None:
        """SIGKILL; it is started again by itself."""
        process = self._processes[number]
        self._measures.kills += 1
        lost, process.calls = process.calls, {}
        process.free = self._slots
        process.born += 1
        process.due = False
        process.choice = AccountChoice(_LONGEST_NAP)
        self._idle.pop(process, None)
        self._come(process, _RESTART)
        for call in lost:
            self.calls.lose(call)

    def _come(self, process: _Process, delay: int) -> None:
        if not process.due:
            process.due = True
            self._clock.after(delay, self._turn, process, process.born)

    def _turn(self, process: _Process, born: int) -> None:
        if born != process.born:
            return
        process.due = False
        if not process.free:
            return  # it comes when a slot is free
        if not self.backlog:
            self._idle[process] = None
            return
        want = min(process.free, _MOST_AT_ONCE, self.backlog.waiting)
        now, choice = self._clock.now, process.choice
        while want and (chosen := choice.next(self._accounts, now)) is not None:
            account = self._accounts[chosen]
            grant = account.ask(want)
            want -= len(grant.permits)
            choice.answered(
                chosen, now, wait=grant.wait, opens=[opens - now for _, opens in grant.permits]
            )
            if claimed := self._claim(process, account, grant.permits):
                choice.served(chosen, claimed, account.permits.believed)
        self.backlog.look()
        if process.free and not process.due:
            self._come(process, max(choice.nap(self._accounts, now), _TURN))

    def _claim(
        self, process: _Process, account: Account, permits: tuple[tuple[str, int], ...]
    ) -> int:
        """How many calls were begun."""
        now, stops, begun = self._clock.now, False, 0
        for permit, opens in permits:
            job = None if stops else self.backlog.take()
            if job is None:
                account.give_back(permit)
                continue
            if not account.covers(job.price):
                self.backlog.put_back(job)
                account.give_back(permit)
                stops = True
                continue
            call = Call(job, account, process.number, permit, opens, now)
            process.free -= 1
            process.calls[call] = None
            self.calls.begin(call)
            begun += 1
        return begun
