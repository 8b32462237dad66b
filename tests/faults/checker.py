"""The one checker of all fault tests: promised vs SQL vs ledger vs what is kept.

It looks at a system at rest and says everything that is wrong, in words that name job and attempt.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jobs import money
from jobs.states import State
from tests.faults import images_kept, money_told, states_told
from tests.faults.evidence import Evidence, evidence_of
from tests.faults.matching import Matched, matched
from tests.faults.rest import wait_for_rest
from tests.systems.running_system import System


@dataclass(frozen=True)
class Allowed:
    """Exceptions, each counted: more than are allowed are violations.

    `paid_again`: charges beyond the first of a job (a client's retry, a policy that says so).
    `estimated`: attempts whose cost is our estimate, since only their images told of them; None: any.
    `refused`: 429s; None: as many as come, since the test has set no limit that is known.
    `calls_in_window`: no more admitted calls than this in any span of so many seconds; None: not looked at.
    """

    paid_again: int = 0
    estimated: int | None = 0
    refused: int | None = 0
    calls_in_window: tuple[int, float] | None = None


@dataclass(frozen=True)
class Report:
    """`violations` in words; `exceptions` that were allowed; `doubts`: how many for which reason."""

    violations: Sequence[str]
    exceptions: Counter[str]
    states: Counter[str]
    doubts: Counter[str]
    calls: int
    charged: str
    """What the provider took in all, USD."""

    def __str__(self) -> str:
        return "\n".join(self.violations) or "no violation"


def assert_promises_kept(
    system: System, promised: Sequence[str], *, timeout: float = 60, **allowed: Any
) -> Report:
    """Wait for rest, then check; fails with all that is wrong. `allowed`: `Allowed`'s fields."""
    wait_for_rest(system, timeout)
    report = check(evidence_of(system, promised), Allowed(**allowed))
    assert not report.violations, f"{len(report.violations)} violations:\n{report}"
    return report


def check(evidence: Evidence, allowed: Allowed) -> Report:
    found = matched(evidence)
    counted: Counter[str] = Counter()
    violations = [
        *states_told.promises(evidence),
        *states_told.moves(evidence),
        *states_told.batches(evidence),
        *money_told.calls(evidence, found),
        *money_told.bookings(evidence, found),
        *money_told.budgets(evidence),
        *images_kept.images(evidence, found),
        *_bounded(counted, "paid again", allowed.paid_again, money_told.repeats(evidence, found)),
        *_bounded(counted, "estimated", allowed.estimated, money_told.estimates(evidence, found)),
        *_bounded(counted, "refused (429)", allowed.refused, _refusals(found)),
        *_too_fast(evidence, allowed.calls_in_window),
        *(f"{key}: receipts that nobody has settled" for key in evidence.receipts),
    ]
    doubts = [one for one in evidence.jobs.values() if one.state is State.IN_DOUBT]
    return Report(
        violations=violations,
        exceptions=counted,
        states=Counter(str(one.state) for one in evidence.jobs.values()),
        doubts=Counter(str((one.error or {}).get("kind")) for one in doubts),
        calls=len(evidence.calls),
        charged=money.text(money.Money(sum(one.cost for one in evidence.calls))),
    )


def _bounded(
    counted: Counter[str], name: str, most: int | None, found: Sequence[str]
) -> Sequence[str]:
    """What goes beyond the exceptions that are allowed; if any does, all are told."""
    if found:
        counted[name] = len(found)
    within = most is None or len(found) <= most
    return [] if within else [f"{one} ({len(found)} such, {most} allowed)" for one in found]


def _refusals(found: Matched) -> Sequence[str]:
    calls = [*found.unnamed, *found.calls.values(), *found.strange]
    return [f"call {one.id} was refused for the rate" for one in calls if one.status == 429]


def _too_fast(evidence: Evidence, bound: tuple[int, float] | None) -> Iterator[str]:
    """Any window, wherever it begins."""
    if bound is None:
        return
    most, seconds = bound
    times = sorted(one.received_at for one in evidence.calls if one.status != 429)
    for first, last in zip(times, times[most:], strict=False):
        if last - first < seconds:
            yield (
                f"{most + 1} calls within {last - first:.3f} s from {first:.3f} on: the account "
                f"allows {most} in {seconds:g} s"
            )
            return
