"""The shape of a refusal, for the OpenAPI document."""

from pydantic import Field

from api_gateway.document import Document as _Document
from jobs.budgets import Period
from jobs.scopes import Scope


class WrongField(_Document):
    field: str
    message: str
    got: str | None = Field(description="What came, shortened.")


class Problem(_Document):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[WrongField]
    removed_at: str | None = Field(None, description="Of `data-removed`.")
    scope: Scope | None = Field(None, description="Of `insufficient-scope`: what the key lacks.")
    queued: int | None = Field(None, description="Of `too-many-queued`: jobs that wait.")
    max_queued: int | None = Field(None, description="Of `too-many-queued`: how many may.")
    period: Period | None = Field(None, description="Of `budget-exceeded`, as all that follow.")
    limit: str | None = Field(None, description="USD, decimal text.")
    spent: str | None = None
    reserved: str | None = None
    left: str | None = None
    asked: str | None = Field(None, description="What the job's next call may cost.")


ALL = (Problem,)
