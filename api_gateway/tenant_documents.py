"""The shapes of a tenant, its caps and what pauses, for the OpenAPI document."""

from typing import Literal

from pydantic import Field

from api_gateway.document import Document
from jobs.account_pauses import PauseReason


class HandPause(Document):
    """Somebody has stopped it by hand."""

    since: str
    by: str = Field(description="The label of the key, or `operator`.")
    note: str | None = Field(description="Why, in his words.")
    by_admin: bool = Field(description="Whether a key without the scope `admin` cannot end it.")


class Group(Document):
    """A group with a cap or a pause."""

    group: str
    max_running: int | None = Field(description="Null: no cap.")
    pause: HandPause | None


class Tenant(Document):
    """The tenant that a key opens."""

    name: str
    weight: int = Field(description="Its share of calls, beside the other tenants' weights.")
    max_queued: int | None = Field(description="Waiting jobs at the most; null: no cap.")
    max_running: int | None = Field(description="Running jobs at the most; null: no cap.")
    keep_outputs_seconds: int | None = Field(
        description="How long images are kept after their job's end; null: for ever."
    )
    keep_jobs_seconds: int | None = Field(
        description="How long jobs' data is kept after their end; null: for ever. Images are never "
        "kept longer."
    )
    queued: int = Field(description="Jobs that wait: queued and scheduled ones.")
    running: int
    counted_to: int = Field(description="Of each state so many are counted at the most.")
    pause: HandPause | None
    groups: list[Group] = Field(description="Those of which more is said than their jobs say.")


class Pause(Document):
    """What pauses, since when, why and by whom."""

    kind: Literal["tenant", "group", "account", "model"]
    tenant: str | None = Field(description="Of a tenant or a group.")
    group: str | None = Field(description="Of a group.")
    account: str | None = Field(description="Of an account or a model.")
    model: str | None = Field(description="Of a model.")
    reason: PauseReason = Field(description="`operator`: by hand.")
    by: str | None = Field(description="Who; null: not a person, but what Segmind answered.")
    since: str | None = Field(description="Null for a rate limit.")
    until: str | None = Field(description="Of a rate limit; null: until it is ended.")
    note: str | None = Field(description="Why, in words.")


class Pauses(Document):
    pauses: list[Pause]


class Resumed(Document):
    resumed: bool = Field(description="False: nothing was paused.")


ALL = (Tenant, Pauses, Pause, Resumed)
