"""The shapes of budgets and estimates, for the OpenAPI document. Amounts are in USD, decimal text."""

from pydantic import Field

from api_gateway.document import Document
from jobs.budgets import Period


class Budget(Document):
    """What you may spend. Amounts are in USD, decimal text."""

    period: Period
    limit: str
    spent: str
    reserved: str = Field(description="What jobs and calls that have not ended may still cost.")
    left: str = Field(description="Below zero when the limit is exceeded.")
    overshoot: str = Field(
        description="By how much it is: calls cost more than they might, or it was lowered."
    )
    resets_at: str | None = Field(description="Null: never.")
    alerts: list[int] = Field(description="Percents at which the operator is told.")
    alerts_crossed: list[int] = Field(description="Those reached in this period.")


class Budgets(Document):
    budgets: list[Budget] = Field(description="All of them hold; none: there is no bound.")


class BudgetLeft(Document):
    """What one of the tenant's budgets has left."""

    period: Period
    left: str = Field(description="USD, decimal text.")
    suffices: bool = Field(
        description="Whether it covers these jobs, of a day or month with all that you have queued. "
        "Where not, `total` refuses their submit, and in the others some wait for the next period; "
        "`note` says which."
    )


class BalanceLeft(Document):
    """What the accounts that would be called have left."""

    left: str | None = Field(
        description="USD, decimal text, less what calls under way may cost; null: not known."
    )
    suffices: bool | None = Field(
        description="Whether it covers these jobs and what is queued before them; null: not known."
    )


class Estimate(Document):
    """What jobs would cost and when they would run, if they were submitted now."""

    jobs: int
    price: str = Field(description="USD, decimal text; of all of them, at the most.")
    prices: list[str] = Field(description="Of each job that was given, in order.")
    calls_per_minute: float = Field(
        description="The pace that is reckoned with; 0: no call leaves, and `note` says why."
    )
    balance: BalanceLeft
    budgets: list[BudgetLeft]
    estimated_start: str | None = Field(description="Of the first; null: nobody can know.")
    estimated_end: str | None = Field(description="Of the last; null: nobody can know.")
    note: str | None = Field(description="Why nobody can know, or how sure it is.")


ALL = (Budgets, Estimate)
