"""Whose turn it is: `jobs/order.py` at both levels, over jobs in memory.

As `db/turns.py` and `db/next_jobs.py` do it in SQL: between tenants, then the tenant's highest
priority, between its groups there, then by age. A turn costs what there is of members, and nothing
for jobs that wait.
"""

from collections import deque
from heapq import heappop, heappush

from cli.simulation.job import Job
from cli.simulation.measures import Measures
from cli.simulation.scenario import Tenant
from jobs.order import Turn, next_turn, price_of_turn
from jobs.states import State


class _Level:
    """The clock and the passes of one level; those of `eligible` have work that may run."""

    def __init__(self) -> None:
        self.eligible: dict[str, int] = {}
        self._clock = 0
        self._away: dict[str, int] = {}

    def enter(self, member: str) -> None:
        self.eligible[member] = self._away.pop(member, 0)

    def leave(self, member: str) -> None:
        # A pass at or below the clock means the same as none.
        passed = self.eligible.pop(member)
        if passed > self._clock:
            self._away[member] = passed

    def next(self) -> Turn | None:
        return next_turn(self._clock, self.eligible)

    def pay(self, turn: Turn, price: int) -> None:
        self._clock = turn.clock
        self.eligible[turn.member] = turn.at + price

    def refund(self, member: str, price: int) -> None:
        of = self.eligible if member in self.eligible else self._away
        if member in of:
            of[member] -= price


class _Group:
    """One group's jobs of one priority. Jobs that were canceled are stepped over when they come."""

    def __init__(self) -> None:
        self.count = 0
        self._new: deque[Job] = deque()
        self._back: list[tuple[int, Job]] = []

    def add(self, job: Job) -> None:
        self.count += 1
        if self._new and job.number < self._new[-1].number:
            heappush(self._back, (job.number, job))
        else:
            self._new.append(job)

    def oldest(self) -> Job:
        """Take it out; there must be one."""
        while True:
            back = self._back and not (self._new and self._new[0].number < self._back[0][0])
            job = heappop(self._back)[1] if back else self._new.popleft()
            if job.state is State.QUEUED:
                self.count -= 1
                return job


class TenantTurns:
    """A tenant's jobs, and how many of them run."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.waiting = 0
        self.running = 0
        self._levels = [_Level() for _ in range(3)]
        self._groups: list[dict[str, _Group]] = [{} for _ in range(3)]

    @property
    def may_run(self) -> bool:
        """Whether a job of it may run now."""
        cap = self.tenant.max_running
        return self.waiting > 0 and (cap is None or self.running < cap)

    def add(self, job: Job) -> None:
        group = self._groups[job.rank].setdefault(job.group, _Group())
        group.add(job)
        self.waiting += 1
        if group.count == 1:
            self._levels[job.rank].enter(job.group)

    def forget(self, job: Job) -> None:
        """It was canceled; it lies where it lies."""
        self._groups[job.rank][job.group].count -= 1
        self._left(job)

    def take(self) -> Job:
        """The tenant's next job; there must be one."""
        for rank, level in enumerate(self._levels):
            turn = level.next()
            if turn is not None:
                job = self._groups[rank][turn.member].oldest()
                level.pay(turn, price_of_turn(job.price, 1))
                self._left(job)
                return job
        raise RuntimeError(f"no job of {self.tenant.name} waits")

    def refund(self, job: Job) -> None:
        self._levels[job.rank].refund(job.group, price_of_turn(job.price, 1))

    def _left(self, job: Job) -> None:
        self.waiting -= 1
        if self._groups[job.rank][job.group].count == 0:
            self._levels[job.rank].leave(job.group)


class Turns:
    """All tenants. `measures` is told who has a job that may run, and who was given a turn."""

    def __init__(self, tenants: tuple[Tenant, ...], measures: Measures) -> None:
        self._measures = measures
        self.of = {one.name: TenantTurns(one) for one in tenants}
        self._level = _Level()

    def __len__(self) -> int:
        """How many tenants have a job that may run now."""
        return len(self._level.eligible)

    def add(self, job: Job) -> None:
        """It is queued."""
        self.of[job.asked.tenant].add(job)
        self._look(job.asked.tenant)

    def forget(self, job: Job) -> None:
        """It is queued no more, and does not run."""
        self.of[job.asked.tenant].forget(job)
        self._look(job.asked.tenant)

    def take(self) -> Job | None:
        """Take out the job that goes next, which runs now; None when none may."""
        turn = self._level.next()
        if turn is None:
            return None
        tenant = self.of[turn.member]
        job = tenant.take()
        tenant.running += 1
        self._level.pay(turn, price_of_turn(job.price, tenant.tenant.weight))
        self._measures.took(turn.member, job.price)
        self._look(turn.member)
        return job

    def put_back(self, job: Job) -> None:
        """Its call never left: it is queued again (by its state already) and paid for no turn."""
        tenant = self.of[job.asked.tenant]
        self._measures.put_back(job.asked.tenant, job.price)
        self._level.refund(job.asked.tenant, price_of_turn(job.price, tenant.tenant.weight))
        tenant.refund(job)
        tenant.add(job)
        self.ended(job)

    def ended(self, job: Job) -> None:
        """It does not run any more."""
        self.of[job.asked.tenant].running -= 1
        self._look(job.asked.tenant)

    def _look(self, tenant: str) -> None:
        may, known = self.of[tenant].may_run, tenant in self._level.eligible
        if may and not known:
            self._level.enter(tenant)
            self._measures.entered(tenant)
        elif known and not may:
            self._level.leave(tenant)
            self._measures.left(tenant)
