"""`simulate(scenario)`: puts the parts together, lets them run, and reads what came of it."""

from random import Random

from cli.simulation.account import Account
from cli.simulation.arriving import Arriving
from cli.simulation.backlog import Backlog
from cli.simulation.calls import Calls
from cli.simulation.clock import Clock
from cli.simulation.fleet import Fleet
from cli.simulation.measures import Measures
from cli.simulation.result import Held, Result, result_of
from cli.simulation.scenario import Scenario
from cli.simulation.turns import Turns


def simulate(scenario: Scenario) -> Result:
    """One run, until `run.seconds` or until nothing is left to be done. The same every time."""
    return _World(scenario).run()


class _World:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._clock = clock = Clock()
        self._random = random = Random(f"{scenario.seed} fleet")  # noqa: S311  # to be repeated
        self._measures = measures = Measures(scenario.tenants)
        self._accounts = [Account(one, scenario, clock, self._at_rest) for one in scenario.accounts]
        self._fleet = fleet = Fleet(scenario, clock, self._accounts, measures)
        turns = Turns(scenario.tenants, measures)
        self._backlog = Backlog(clock, turns, measures, fleet.wake, self._idled)
        self._calls = Calls(
            clock, self._backlog, measures, scenario.latency, random, freed=fleet.freed
        )
        fleet.backlog, fleet.calls = self._backlog, self._calls
        self._arriving = Arriving(
            scenario.arrivals, scenario.tenants, clock, self._backlog, scenario.seed
        )
        faults = scenario.faults
        if faults.worker_kill_every is not None:
            clock.after(faults.worker_kill_every, self._kill, faults.worker_kill_every)
        for at in faults.redis_flush_at:
            for account in self._accounts:
                clock.at(at, account.flush)

    def run(self) -> Result:
        self._clock.run(self._scenario.span)
        self._backlog.end()
        self._measures.end()
        for account in self._accounts:
            account.provider.end()
        held = Held(
            jobs=self._backlog.open,
            in_doubt=self._calls.doubts.open,
            leases=self._calls.leases,
            slots=self._fleet.busy,
            permits=sum(one.permits_held() for one in self._accounts),
            in_flight=sum(one.provider.in_flight for one in self._accounts),
            reserved=sum(one.committed for one in self._accounts),
        )
        return result_of(
            self._scenario, self._clock.now, self._accounts, self._measures, self._arriving, held
        )

    def _at_rest(self) -> bool:
        return not self._backlog.open and not self._arriving.to_come

    def _kill(self, every: int) -> None:
        if not self._at_rest():
            self._fleet.kill(self._random.randrange(self._scenario.workers.processes))
            self._clock.after(every, self._kill, every)

    def _idled(self, since: int, until: int) -> None:
        for account in self._accounts:
            account.provider.usage.idled(since, until)
