"""The errors that segq raises.

    SegqError
    ├── InvalidInput          what a caller sent breaks a rule; names every wrong field
    ├── UnknownModel          no such model in the catalog
    ├── NotFound              no such thing, or not this tenant's
    ├── IllegalMove           the job is in a state that the request does not fit
    ├── RequestHeld           a call of ours holds the provider's request already
    ├── TooManyQueued         a tenant's queue is full; later it may have room
    ├── NotAllowed            this needs a right that whoever asks does not have
    ├── BudgetExceeded        the tenant's budget does not cover what was asked
    ├── BatchBudgetExceeded   the batch's own budget does not
    ├── InvalidSetting        an environment variable that cannot be used
    ├── CannotDecrypt         a secret in the database that no master key given opens
    └── Unavailable           a part that this needs (SQL, Redis) does not answer

A call upstream that goes wrong is no exception: it is a `jobs.failures.Failure`, a value.
"""

from dataclasses import dataclass
from enum import StrEnum

from jobs import money
from jobs.budgets import Budget, Period
from jobs.money import Money
from jobs.scopes import Scope


class SegqError(Exception):
    """The root of the tree above."""


@dataclass(frozen=True)
class FieldProblem:
    """One wrong field: where it stands, what is allowed, and what came (shortened)."""

    field: str
    message: str
    got: str | None = None


class InvalidInput(SegqError):  # noqa: N818  # names of the tree read as what they say
    """What a caller sent breaks at least one rule. `problems` names every one."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        """`problems` must not be empty."""
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))
        self.problems = tuple(problems)


class UnknownModel(SegqError):  # noqa: N818
    """The catalog has no model of this name."""

    def __init__(self, slug: str, known: tuple[str, ...]) -> None:
        """`known` is told to the caller."""
        super().__init__(f"no model {slug!r}; there are: {', '.join(known)}")
        self.slug = slug
        self.known = known


class NotFound(SegqError):  # noqa: N818
    """There is no such thing, or it belongs to another tenant: the two look the same."""


class IllegalMove(SegqError):  # noqa: N818
    """The job, or the batch, is in a state from which what was asked cannot be done."""

    def __init__(self, message: str, state: StrEnum) -> None:
        """`message` is shown to the caller as it stands."""
        super().__init__(message)
        self.state = state


class RequestHeld(SegqError):  # noqa: N818
    """The provider's request is another attempt's: it cannot be this one's too."""


class BudgetExceeded(SegqError):  # noqa: N818
    """A budget of the tenant does not cover what was asked. Nothing was done, and nothing reserved."""

    def __init__(self, budget: Budget, asked: Money) -> None:
        """`budget` as it stood; `asked` is what one call may cost."""
        what_to_do = (
            "It is admitted when waiting jobs are canceled, when calls cost less than they may, or "
            "when the operator raises the budget"
            if budget.period is Period.TOTAL
            else f"No {budget.period} covers it: ask for less, or have the operator raise the budget"
        )
        super().__init__(
            f"{budget.in_words()}, which leaves {money.text(budget.left)}: a call that may cost "
            f"{money.text(asked)} is not covered. {what_to_do}."
        )
        self.budget = budget
        self.asked = asked


class TooManyQueued(SegqError):  # noqa: N818
    """A tenant has as many jobs waiting as it may have. Nothing of what was asked is kept."""

    def __init__(self, queued: int, max_queued: int, retry_after: int) -> None:
        """`queued` may be a moment old; `retry_after` in seconds."""
        super().__init__(
            f"{queued:,} jobs of this tenant wait, scheduled ones among them, and {max_queued:,} "
            "may: submit again when some have started"
        )
        self.queued = queued
        self.max_queued = max_queued
        self.retry_after = retry_after


class BatchBudgetExceeded(SegqError):  # noqa: N818
    """The budget of a batch does not cover one more call."""

    def __init__(self, budget: Money, committed: Money, asked: Money) -> None:
        """`committed`: paid, or may still have to be; `asked` is what the call may cost."""
        super().__init__(
            f"of the batch's budget of {money.text(budget)} USD {money.text(committed)} are spent or "
            f"reserved: a call that may cost {money.text(asked)} is not covered. Raise the budget of "
            "the batch, or leave jobs out."
        )
        self.budget = budget
        self.committed = committed
        self.asked = asked


Refusal = TooManyQueued | BudgetExceeded | BatchBudgetExceeded | InvalidInput
"""Why a job is not let in. Its input was good when it was checked; an uploaded image of it may have
been removed since."""


class NotAllowed(SegqError):  # noqa: N818
    """What was asked needs a scope that the key does not have. The message says which and why."""

    def __init__(self, scope: Scope, why: str) -> None:
        """`why` is shown to the caller: what the scope is needed for."""
        super().__init__(f"{why} needs a key with the scope {scope}")
        self.scope = scope


class InvalidSetting(SegqError):  # noqa: N818
    """An environment variable holds what cannot be used. Never carries a secret's value."""

    def __init__(self, name: str, got: str, allowed: str) -> None:
        """`got` is shown, so pass no secret."""
        super().__init__(f"{name} is {got!r}; it must be {allowed}")
        self.name = name


class CannotDecrypt(SegqError):  # noqa: N818
    """A secret in the database is sealed under a master key that is not given, or is damaged."""


class Unavailable(SegqError):  # noqa: N818
    """A part that this needs does not answer now; trying again later may help."""
