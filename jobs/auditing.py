"""What we say we called and paid, beside what the provider says: call for call, cost for cost."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from jobs.matching import HistoryStatus
from jobs.money import ZERO, Money


@dataclass(frozen=True)
class Attempt:
    """One of our calls. `keys` stand for its model and all inputs, with what the history may hide of
    them and without; none where its request is known by id.
    """

    id: str
    job_id: str
    number: int
    claimed_at: datetime
    finished_at: datetime | None
    cost: Money
    """Booked; what a call that is open may cost is not."""
    paid: bool
    believed: bool
    """The cost was never told: it stands until somebody knows."""
    request_id: str | None
    keys: tuple[str, ...]
    is_removed: bool = False
    """Its inputs have had their time and are removed, so that it has no keys."""


@dataclass(frozen=True)
class Request:
    """One of the provider's. `key`: one of the `Attempt.keys` of a call that this is."""

    id: str
    created_at: datetime | None
    status: HistoryStatus
    cost: Money
    key: str


class Kind(StrEnum):
    """How the two differ."""

    COST = "cost"
    """Both have the call, and at another cost."""
    NOT_LISTED = "not_listed"
    """We booked a call that the provider does not list."""
    NOT_RECORDED = "not_recorded"
    """The provider has a call of one of our jobs that we have no attempt of, and has charged it or
    runs it still.
    """


@dataclass(frozen=True)
class Difference:
    """`ours` and `theirs`: None where that side lacks the call."""

    kind: Kind
    attempt: Attempt | None
    request: Request | None

    @property
    def ours(self) -> Money | None:
        return self.attempt.cost if self.attempt else None

    @property
    def theirs(self) -> Money | None:
        return self.request.cost if self.request else None


@dataclass
class Compared:
    """What a comparison found out."""

    differences: list[Difference] = field(default_factory=list)
    unmatched: list[Request] = field(default_factory=list)
    """Requests that were charged, or may be yet, and are no attempt's: somebody else's, or not
    recorded.
    """
    open: list[Attempt] = field(default_factory=list)
    """Calls that have not ended, or are in doubt: what they cost is not booked."""
    removed: list[Attempt] = field(default_factory=list)
    """Paid calls that nothing is left of to find them by: their requests are among the unmatched."""
    too_fresh: list[Attempt] = field(default_factory=list)
    """Calls that the provider does not list yet, and need not."""
    pairs: int = 0


def compared(
    attempts: Sequence[Attempt], requests: Sequence[Request], *, listed_by: datetime
) -> Compared:
    """Pair the calls by their request's id, else by all their inputs, and say what differs.

    A call that ended after `listed_by` need not be listed yet.
    """
    result = Compared()
    by_id = {request.id: request for request in requests}
    free = dict(by_id)
    rest: list[Attempt] = []
    for attempt in attempts:
        request = free.pop(attempt.request_id, None) if attempt.request_id else None
        if request is not None:
            _judge(result, attempt, request)
        else:
            rest.append(attempt)
    by_key: dict[str, list[Request]] = defaultdict(list)
    for request in free.values():
        by_key[request.key].append(request)
    # Those first that must have a row: one that failed before anything ran has none.
    for attempt in sorted(rest, key=lambda one: (not one.paid, one.claimed_at)):
        alike = [one for key in attempt.keys for one in by_key.get(key, ())]
        request = _next(alike, free, attempt)
        if request is not None:
            del free[request.id]
            _judge(result, attempt, request)
        elif attempt.finished_at is None:
            result.open.append(attempt)
        elif attempt.paid:
            if attempt.finished_at > listed_by:
                result.too_fresh.append(attempt)
            elif attempt.is_removed:
                result.removed.append(attempt)
            else:
                result.differences.append(Difference(Kind.NOT_LISTED, attempt, None))
    result.unmatched = [
        one for one in free.values() if one.cost or one.status is HistoryStatus.PENDING
    ]
    return result


def _next(rows: Iterable[Request], free: dict[str, Request], attempt: Attempt) -> Request | None:
    """The request of equal inputs that fits best: of a paid call one that was paid."""
    left = [row for row in rows if row.id in free]
    left.sort(key=lambda row: (bool(row.cost) is not attempt.paid, row.id))
    ended_free = attempt.finished_at is not None and not attempt.paid and not attempt.believed
    if not left or (ended_free and left[0].cost):
        return None
    return left[0]


def _judge(result: Compared, attempt: Attempt, request: Request) -> None:
    result.pairs += 1
    if attempt.finished_at is None or request.status is HistoryStatus.PENDING:
        result.open.append(attempt)
    elif attempt.cost != request.cost:
        result.differences.append(Difference(Kind.COST, attempt, request))


def total(costs: Iterable[Money]) -> Money:
    """Their sum."""
    return Money(sum(costs, ZERO))
