"""Budgets: what a tenant may spend in a period, and what each of its jobs and calls holds of it.

One rule, from rows alone: a job that waits holds its estimate of `total`, for its next call; a call
that has not ended holds its estimate of every period, and what it cost once it has. So a job that
runs holds what it held before, a doubt keeps its reservation, and a second call needs another one.
A call belongs to the day and the month (UTC) in which it was claimed, however late it ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from jobs import money
from jobs.money import Money
from jobs.states import WAITING, State


class Period(StrEnum):
    """What a budget is for. A tenant has one of each at the most, and all of them hold."""

    TOTAL = "total"
    """For good. Reserved at submit."""
    DAY = "day"
    """Reserved at claim, as the month's: jobs are accepted, and wait for the next one."""
    MONTH = "month"


BEGINNING = date(1970, 1, 1)
"""The start of `total`."""
EVERY = tuple(Period)
OF_CLAIMS = (Period.DAY, Period.MONTH)
"""The periods that a claim reserves of; a submit reserves of `total`."""
UNCOVERED = "budget"
"""`held_for` of a job whose next call `total` does not cover, since an earlier one was paid."""


def start_of(period: Period, moment: datetime) -> date:
    """The first day (UTC) of the period in which `moment` lies."""
    day = moment.astimezone(UTC).date()
    match period:
        case Period.TOTAL:
            return BEGINNING
        case Period.DAY:
            return day
        case Period.MONTH:
            return day.replace(day=1)


def end_of(period: Period, start: date) -> datetime | None:
    """When the next one begins; None for `total`."""
    match period:
        case Period.TOTAL:
            return None
        case Period.DAY:
            following = start + timedelta(days=1)
        case Period.MONTH:
            following = (start.replace(day=1) + timedelta(days=31)).replace(day=1)
    return datetime.combine(following, time(), UTC)


@dataclass(frozen=True)
class Share:
    """What a row holds of a budget: 10⁻¹⁰ USD that it may cost, and that it has cost."""

    reserved: int = 0
    spent: int = 0

    def __add__(self, other: "Share") -> "Share":
        return Share(self.reserved + other.reserved, self.spent + other.spent)

    def __sub__(self, other: "Share") -> "Share":
        return Share(self.reserved - other.reserved, self.spent - other.spent)

    @property
    def used(self) -> int:
        return self.reserved + self.spent


NOTHING = Share()


def of_job(state: State, held_for: str | None, estimate: int) -> Share:
    """What a job holds of `total` beside its calls."""
    waits = state in WAITING and held_for != UNCOVERED
    return Share(reserved=estimate) if waits else NOTHING


def of_call(*, ended: bool, estimate: int, cost: int | None) -> Share:
    """What a call holds of each period that it belongs to."""
    return Share(spent=cost or 0) if ended else Share(reserved=estimate)


@dataclass(frozen=True)
class Budget:
    """A tenant's budget and what it holds in one period. `alerts`: percents at which it tells.

    `alerted` is the highest of them that was crossed in this period.
    """

    period: Period
    start: date
    limit: Money
    share: Share = NOTHING
    alerts: tuple[int, ...] = ()
    alerted: int = 0

    @property
    def left(self) -> Money:
        """What may still be reserved; below 0 after a surprise, or when it was lowered."""
        return Money(self.limit - self.share.used)

    @property
    def overshoot(self) -> Money:
        """By how much the limit is exceeded, by prices above their estimates or since it was lowered."""
        return Money(max(0, -self.left))

    @property
    def resets_at(self) -> datetime | None:
        return end_of(self.period, self.start)

    @property
    def alerts_crossed(self) -> tuple[int, ...]:
        return tuple(one for one in self.alerts if one <= self.alerted)

    def admits(self, price: int) -> bool:
        """Whether one more call of that price is covered."""
        return price <= self.left

    def in_words(self) -> str:
        """The numbers, for whoever waits."""
        return (
            f"of the {self.period} budget of {money.text(self.limit)} USD "
            f"{money.text(Money(self.share.spent))} are spent and "
            f"{money.text(Money(self.share.reserved))} reserved"
        )


@dataclass(frozen=True)
class Short:
    """A budget that does not cover a tenant's next call. `price`: what that may cost, if it is known."""

    budget: Budget
    price: Money | None = None

    @property
    def is_for_good(self) -> bool:
        """Whether no period of it would cover the call, as after the budget was lowered."""
        return (self.price or 1) > self.budget.limit

    @property
    def until(self) -> datetime | None:
        """When the budget begins anew; None: that helps nobody."""
        return None if self.is_for_good else self.budget.resets_at

    def in_words(self) -> str:
        """Why the tenant's jobs wait, for their owner."""
        numbers = self.budget.in_words()
        if self.is_for_good:
            price = f", at up to {money.text(self.price)} USD," if self.price else ""
            return (
                f"The next job{price} is never covered: {numbers}. Cancel it, or have the budget "
                "raised."
            )
        until = f"; it begins anew at {self.until:%Y-%m-%dT%H:%M:%SZ}" if self.until else ""
        return f"The next job is not covered: {numbers}{until}."


def crossed(alerts: Sequence[int], limit: int, used: int) -> int:
    """The highest percent of `alerts` that `used` has reached; 0 for none."""
    return max((one for one in alerts if used > 0 and used * 100 >= one * limit), default=0)
