"""One call: an attempt of a job, from its claim on."""

from cli.simulation.account import Account
from cli.simulation.job import Job
from cli.simulation.provider import Fate


class Call:
    """Times are the run's; -1: that has not come yet."""

    __slots__ = (
        *("job", "account", "process", "permit", "granted_at", "claimed_at"),
        *("sent_at", "took", "fate", "resets_in", "ran"),
    )

    def __init__(
        self, job: Job, account: Account, process: int, permit: str, granted_at: int, now: int
    ) -> None:
        self.job = job
        self.account = account
        self.process = process
        self.permit = permit
        self.granted_at = granted_at
        self.claimed_at = now
        self.sent_at = -1
        self.took = 0
        """How long the provider worked on it."""
        self.fate: Fate | None = None
        """None: it has not reached the provider."""
        self.resets_in: int | None = None
        self.ran = False
        """Whether the provider has settled it."""
