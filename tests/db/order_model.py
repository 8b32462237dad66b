"""The order of claims as a simple program has it: everything in memory, one job after the other."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID


@dataclass
class Level:
    """Stride scheduling between some members: the least pass goes next, ties by name."""

    clock: int = 0
    passes: dict[str, int] = field(default_factory=dict)

    def turns(self, members: set[str]) -> list[str]:
        """The members in the order in which they would go next."""
        return sorted(members, key=lambda one: (self.at(one), one))

    def at(self, member: str) -> int:
        return max(self.clock, self.passes.get(member, 0))

    def pay(self, member: str, price: int) -> None:
        self.clock = self.at(member)
        self.passes[member] = self.clock + max(1, price)

    def give_back(self, member: str, price: int) -> None:
        self.passes[member] = self.passes.get(member, 0) - max(1, price)


@dataclass
class ModelJob:
    id: UUID
    tenant: str
    group: str
    priority: int
    price: int
    state: str = "queued"


@dataclass
class OrderModel:
    """`paused` and `caps` are of a tenant (its name) or of a group (tenant and group)."""

    weights: dict[str, int]
    jobs: dict[UUID, ModelJob] = field(default_factory=dict)
    paused: set[str | tuple[str, str]] = field(default_factory=set)
    caps: dict[str | tuple[str, str], int] = field(default_factory=dict)
    max_queued: dict[str, int] = field(default_factory=dict)
    tenants: Level = field(default_factory=Level)
    groups: dict[tuple[str, int], Level] = field(default_factory=dict)

    def in_state(self, state: str) -> list[ModelJob]:
        return [job for job in self.jobs.values() if job.state == state]

    def may_submit(self, tenant: str) -> bool:
        waits = sum(job.tenant == tenant for job in self.in_state("queued"))
        return waits < self.max_queued.get(tenant, waits + 1)

    def has_next(self) -> bool:
        return any(self._may_run(job) for job in self.in_state("queued"))

    def claim(self) -> UUID | None:
        """The next job, which runs from now on; None when nobody has any that may run."""
        found = [job for job in self.in_state("queued") if self._may_run(job)]
        if not found:
            return None
        tenant = self.tenants.turns({job.tenant for job in found})[0]
        mine = [job for job in found if job.tenant == tenant]
        priority = min(job.priority for job in mine)
        first = [job for job in mine if job.priority == priority]
        level = self.groups.setdefault((tenant, priority), Level())
        group = level.turns({job.group for job in first})[0]
        job = min((job for job in first if job.group == group), key=lambda one: one.id)
        self.tenants.pay(tenant, job.price // self.weights[tenant])
        level.pay(group, job.price)
        job.state = "running"
        return job.id

    def refund(self, job: ModelJob) -> None:
        self.tenants.give_back(job.tenant, job.price // self.weights[job.tenant])
        self.groups[job.tenant, job.priority].give_back(job.group, job.price)
        job.state = "queued"

    def _may_run(self, job: ModelJob) -> bool:
        run = Counter[str | tuple[str, str]]()
        for one in self.in_state("running"):
            run[one.tenant] += 1
            run[one.tenant, one.group] += 1
        places = (job.tenant, (job.tenant, job.group))
        return all(
            place not in self.paused and run[place] < self.caps.get(place, run[place] + 1)
            for place in places
        )
