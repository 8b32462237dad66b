"""What a run came to, for a person (`showing.py`) and, by `as_json`, for programs."""

from dataclasses import asdict, dataclass
from typing import Any

from cli.simulation.account import Account
from cli.simulation.arriving import Arriving
from cli.simulation.measures import Measures, TenantMeasures, fairness, part_of_due
from cli.simulation.scenario import Scenario
from cli.simulation.usage import Stretch, share
from jobs.pace import SECOND
from jobs.states import State


@dataclass(frozen=True)
class AccountResult:
    """`use`: of what was allowed while work waited; `late_use`: in the second half of that time.

    `believed` is the limit that the limiter ended with.
    """

    name: str
    use: float | None
    late_use: float | None
    accepted: int
    refused: int
    believed: int
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class TenantResult:
    """Waits are seconds from a job's arrival to its first claim. `open`: jobs that are not final.

    `share`: of all that was spent; `part_of_due`: what it got of what its weight entitled it to.
    """

    name: str
    weight: int
    jobs: int
    succeeded: int
    failed: int
    canceled: int
    open: int
    wait_p50: float | None
    wait_p95: float | None
    share: float
    part_of_due: float | None


@dataclass(frozen=True)
class Held:
    """What is not given back at the end; all 0 once everything is done. `reserved`: 10⁻¹⁰ USD."""

    jobs: int
    in_doubt: int
    leases: int
    slots: int
    permits: int
    in_flight: int
    reserved: int


@dataclass(frozen=True)
class Result:
    """`seconds`: when it ended. `sent_again`: calls for jobs that may have been paid already."""

    seconds: float
    calls: int
    refused: int
    refused_per_10_000: float
    fairness: float | None
    kills: int
    sent_again: int
    accounts: tuple[AccountResult, ...]
    tenants: tuple[TenantResult, ...]
    held: Held

    def as_json(self) -> dict[str, Any]:
        """Plain values; the stretches' times in seconds."""
        found = asdict(self)
        for account in found["accounts"]:
            for one in account["stretches"]:
                one["at"] /= SECOND
        return found


def result_of(
    scenario: Scenario,
    ended: int,
    accounts: list[Account],
    measures: Measures,
    arriving: Arriving,
    held: Held,
) -> Result:
    """Read everything that was counted."""
    tenants = [measures.of[one.name] for one in scenario.tenants]
    given = sum(one.given for one in tenants)
    refused = sum(one.provider.usage.refused for one in accounts)
    return Result(
        seconds=ended / SECOND,
        calls=measures.calls,
        refused=refused,
        refused_per_10_000=10_000 * refused / measures.calls if measures.calls else 0.0,
        fairness=fairness(tenants),
        kills=measures.kills,
        sent_again=measures.sent_again,
        accounts=tuple(_account(one) for one in accounts),
        tenants=tuple(_tenant(one, arriving.arrived[one.tenant.name], given) for one in tenants),
        held=held,
    )


def _account(one: Account) -> AccountResult:
    usage = one.provider.usage
    stretches = usage.stretches()
    worked = [stretch for stretch in stretches if stretch.worked]
    return AccountResult(
        name=one.name,
        use=share(worked),
        late_use=share(worked[len(worked) // 2 :]),
        accepted=usage.accepted,
        refused=usage.refused,
        believed=one.permits.believed,
        stretches=tuple(stretches),
    )


def _tenant(one: TenantMeasures, arrived: int, given: int) -> TenantResult:
    waits = sorted(one.waits)
    return TenantResult(
        name=one.tenant.name,
        weight=one.tenant.weight,
        jobs=arrived,
        succeeded=one.states[State.SUCCEEDED],
        failed=one.states[State.FAILED],
        canceled=one.states[State.CANCELED],
        open=arrived - one.states.total(),
        wait_p50=percentile(waits, 50),
        wait_p95=percentile(waits, 95),
        share=one.given / given if given else 0.0,
        part_of_due=part_of_due(one),
    )


def percentile(ordered: list[int], part: int) -> float | None:
    """The smallest wait that `part` percent do not exceed, in seconds; None of none."""
    if not ordered:
        return None
    return ordered[-(-len(ordered) * part // 100) - 1] / SECOND
