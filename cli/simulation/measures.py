"""What is counted while a run goes on."""

from array import array
from collections import Counter

from cli.simulation.scenario import Tenant
from jobs.money import Money
from jobs.states import State

FEWEST = 10
"""A time with work in which a tenant was due fewer jobs than that, and got fewer, is left out of the
index: whole jobs say too little then. So whoever asks for less than its share counts as served.
"""


class TenantMeasures:
    """Amounts are 10⁻¹⁰ USD. `due` is what its weight entitled it to while it had work that could
    run, and `got` what it was given of it; `given` is all that it was given.
    """

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.states: Counter[State] = Counter()
        self.waits = array("q")
        """From arrival to the first claim, µs."""
        self.given = 0
        self.due = 0.0
        self.got = 0
        self.since: tuple[float, int] | None = None
        """The clock of service and `given` when it became eligible; None: it is not."""


class Measures:
    """Fairness is measured by a clock of service: it moves by price over the weights that wait."""

    def __init__(self, tenants: tuple[Tenant, ...]) -> None:
        self.of = {one.name: TenantMeasures(one) for one in tenants}
        self.calls = 0
        self.sent_again = 0
        """Calls for jobs whose first call may have been paid."""
        self.kills = 0
        self._service = 0.0
        self._weights = 0
        self._price = 0

    def entered(self, tenant: str) -> None:
        """It has a job now that may run."""
        found = self.of[tenant]
        self._weights += found.tenant.weight
        found.since = self._service, found.given

    def left(self, tenant: str) -> None:
        """It has none any more."""
        found = self.of[tenant]
        self._weights -= found.tenant.weight
        self._settle(found)

    def took(self, tenant: str, price: Money) -> None:
        """One of its jobs was claimed, among all who had work."""
        self._service += price / self._weights
        self._price = price
        self.of[tenant].given += price

    def put_back(self, tenant: str, price: Money) -> None:
        """The claim came to nothing."""
        self.of[tenant].given -= price

    def end(self) -> None:
        """The run is over."""
        for found in self.of.values():
            self._settle(found)

    def _settle(self, found: TenantMeasures) -> None:
        if found.since is None:
            return
        service, given = found.since
        found.since = None
        due, got = found.tenant.weight * (self._service - service), found.given - given
        if max(due, got) >= FEWEST * self._price:
            found.due += due
            found.got += got


def fairness(tenants: list[TenantMeasures]) -> float | None:
    """Jain's index over what each was given of what was due to it: 1 is fair, 1/n the worst.

    None where fewer than two tenants had work at once. Source: Jain, Chiu and Hawe, "A Quantitative
    Measure of Fairness", DEC-TR-301, 1984.
    """
    ratios = [ratio for one in tenants if (ratio := part_of_due(one)) is not None]
    if len(ratios) < 2:
        return None
    return sum(ratios) ** 2 / (len(ratios) * sum(one * one for one in ratios))


def part_of_due(one: TenantMeasures) -> float | None:
    """What a tenant was given of what was due to it; None where that is too little to tell."""
    return one.got / one.due if one.due > 0 else None
