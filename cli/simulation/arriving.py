"""Jobs come, and some are canceled."""

from collections.abc import Callable
from itertools import count, cycle
from random import Random

from cli.simulation.backlog import Backlog
from cli.simulation.clock import Clock
from cli.simulation.job import Job
from cli.simulation.scenario import Arrivals, Tenant
from jobs.pace import SECOND


class Arriving:
    """All entries of `[[arrivals]]`, from the first moment on."""

    def __init__(
        self,
        arrivals: tuple[Arrivals, ...],
        tenants: tuple[Tenant, ...],
        clock: Clock,
        backlog: Backlog,
        seed: int,
    ) -> None:
        self.to_come = len(arrivals)
        """Entries of which more may come."""
        self.arrived = dict.fromkeys((one.name for one in tenants), 0)
        self._clock = clock
        self._backlog = backlog
        self._numbers = count()
        self._groups = {one.name: cycle(one.groups or ("",)) for one in tenants}
        for number, asked in enumerate(arrivals):
            # Nobody but a cancel needs to find them again.
            kept: list[Job] | None = [] if asked.cancel_at is not None else None
            random = Random(f"{seed} arrivals {number}")  # noqa: S311  # to be repeated
            clock.at(asked.at, self._come, asked, kept, _gaps(asked, random))
            if asked.cancel_at is not None:
                clock.at(asked.cancel_at, self._cancel, asked, kept)

    def _come(self, asked: Arrivals, kept: list[Job] | None, gap: Callable[[], int] | None) -> None:
        now = self._clock.now
        if gap is None:
            for _ in range(asked.count or 0):
                self._arrive(asked, kept)
        elif now < asked.until:
            self._arrive(asked, kept)
            self._clock.after(gap(), self._come, asked, kept, gap)
            return
        self.to_come -= 1

    def _arrive(self, asked: Arrivals, kept: list[Job] | None) -> None:
        group = next(self._groups[asked.tenant]) if asked.group is None else asked.group
        job = Job(next(self._numbers), asked, group, self._clock.now)
        self.arrived[asked.tenant] += 1
        if kept is not None:
            kept.append(job)
        self._backlog.arrive(job)

    def _cancel(self, asked: Arrivals, kept: list[Job]) -> None:
        """The newest first: those are the ones that have not run."""
        left = len(kept) if asked.cancel_count is None else asked.cancel_count
        for job in reversed(kept):
            if not left:
                return
            left -= self._backlog.cancel(job)


def _gaps(asked: Arrivals, random: Random) -> Callable[[], int] | None:
    """How long until the next one; None where they all come at once."""
    every, rate = asked.every, asked.rate
    if every is not None:
        return lambda: every
    if rate is not None:
        return lambda: max(1, round(random.expovariate(rate) * SECOND))
    return None
