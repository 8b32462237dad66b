"""What jobs would cost and when they would run, if they were submitted now, one after another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from api_gateway import times
from api_gateway.estimate_body import Wanted
from api_gateway.forecasts import TenantView
from api_gateway.outlook import Outlook
from api_gateway.waiting import Waiting
from db.rows import NewJob
from jobs import money
from jobs.budgets import Budget, Period
from jobs.catalog import MODELS
from jobs.forecast import Before
from jobs.money import ZERO, Money

Kind = tuple[str, str]
"""The model and the group of jobs that wait for the same."""


def kind_of(job: NewJob) -> Kind:
    return job.model, job.group


@dataclass(frozen=True)
class _Run:
    """Those of the jobs that differ only in their input: from the `first` to the `last` of their
    place, counted with what is queued there.
    """

    job: NewJob
    first: int
    last: int
    price: Money
    """Of the dearest."""

    @classmethod
    def of(cls, wanted: Wanted, behind: int) -> Self:
        last = behind + wanted.count - 1
        return cls(wanted.job, behind, last, wanted.job.estimate)

    def and_of(self, wanted: Wanted, behind: int) -> Self:
        price = max(self.price, wanted.job.estimate)
        return replace(self, last=behind + wanted.count - 1, price=price)


def document(
    wanted: Sequence[Wanted],
    view: TenantView,
    waiting: Mapping[Kind, Waiting],
    budgets: Sequence[Budget],
) -> dict[str, Any]:
    """The estimate as JSON. `waiting`: what jobs of each of their kinds wait for now. `budgets`: the
    tenant's.
    """
    runs, view = _submitted(wanted, view)
    first = [_outlook(view, run, run.first, waiting) for run in runs]
    last = [_outlook(view, run, run.last, waiting) for run in runs]
    starts = [
        _not_before(outlook.starts_at, run.job.run_at)
        for run, (outlook, _) in zip(runs, first, strict=True)
    ]
    ends = [_end(outlook.starts_at, run.job) for run, (outlook, _) in zip(runs, last, strict=True)]
    known = [moment for moment in starts if moment is not None]
    dated = [moment for moment in ends if moment is not None]
    models = sorted({model for model, _ in waiting})
    price = Money(sum(one.count * one.job.estimate for one in wanted))
    dearest = max(one.job.estimate for one in wanted)
    short = [_why_short(one, price, dearest, view.queue.cost) for one in budgets]
    notes = [one.note for one in waiting.values()] + [outlook.note for outlook, _ in last]
    notes += short
    return {
        "jobs": sum(one.count for one in wanted),
        "price": money.text(price),
        "prices": [money.text(one.job.estimate) for one in wanted],
        "calls_per_minute": round(min(map(view.pool.calls_per_minute, models)), 1),
        "balance": _balance(view, runs, [before for _, before in last]),
        "budgets": [
            {
                "period": str(one.period),
                "left": money.text(max(ZERO, one.left)),
                "suffices": why is None,
            }
            for one, why in zip(budgets, short, strict=True)
        ],
        "estimated_start": times.about(min(known)) if known else None,
        "estimated_end": times.about(max(dated)) if len(dated) == len(ends) and not short else None,
        "note": " ".join(dict.fromkeys(filter(None, notes))) or None,
    }


def _submitted(wanted: Sequence[Wanted], view: TenantView) -> tuple[list[_Run], TenantView]:
    """Where the jobs stand, and the tenant's queue with them."""
    runs: dict[tuple[Any, ...], _Run] = {}
    queue = view.queue
    for one in wanted:
        rank, group = one.job.priority.rank, one.job.group
        behind = queue.size(rank, group).queued
        alike = (rank, group, one.job.model, one.job.run_at)
        run = runs.get(alike)
        runs[alike] = run.and_of(one, behind) if run else _Run.of(one, behind)
        queue = queue.with_more(rank, group, one.count, Money(one.count * one.job.estimate))
    return list(runs.values()), replace(view, queue=queue)


def _outlook(
    view: TenantView, run: _Run, index: int, waiting: Mapping[Kind, Waiting]
) -> tuple[Outlook, Before]:
    rank, group = run.job.priority.rank, run.job.group
    all_counted = not view.queue.size(rank, group).more
    before = view.before(view.queue.before(rank, group, index, all_counted=all_counted))
    model = run.job.model
    return view.pool.outlook(before, run.price, model, waiting[kind_of(run.job)]), before


def _balance(view: TenantView, runs: Sequence[_Run], before: Sequence[Before]) -> dict[str, Any]:
    """Of the accounts that would be called, in the worst case."""
    left = [view.pool.left(run.job.model) for run in runs]
    known = [one for one in left if one is not None]
    if not known or len(known) < len(left):
        return {"left": None, "suffices": None}
    least = min(known)
    needed = max(one.cost + run.price for one, run in zip(before, runs, strict=True))
    return {"left": money.text(max(ZERO, least)), "suffices": needed <= least}


def _why_short(budget: Budget, price: Money, dearest: Money, queued: Money) -> str | None:
    """Why the budget does not cover them all; None: it does. `queued`: what all may cost that the
    tenant would have queued then, of which a day or a month has reserved nothing yet.
    """
    if budget.period is Period.TOTAL:
        refused = not budget.admits(price)
        return f"A submit is refused: {budget.in_words()}." if refused else None
    if dearest > budget.limit:
        whole = f"the whole {budget.period} budget of {money.text(budget.limit)} USD"
        return f"The submit of what costs more than {whole} is refused."
    if budget.admits(queued):
        return None
    return f"Not all that would be queued is covered, {budget.in_words()}: the rest waits for the next."


def _not_before(moment: datetime | None, run_at: datetime | None) -> datetime | None:
    return max(moment, run_at) if moment is not None and run_at is not None else moment


def _end(starts_at: datetime | None, job: NewJob) -> datetime | None:
    moment = _not_before(starts_at, job.run_at)
    seconds = MODELS[job.model].typical_seconds
    return None if moment is None else moment + timedelta(seconds=seconds)
