"""How long each part of a run may take. Seconds, except where a name says otherwise."""

from dataclasses import dataclass
from datetime import timedelta

from jobs.pace import SECOND, SEND_GUARD

TICKET_PATIENCE = 30.0
"""How long a slot holds a ticket while it waits for a permit; then the ticket ends."""
SEND_GUARD_SECONDS = SEND_GUARD / SECOND


@dataclass(frozen=True)
class CallTiming:
    """`deadline`: the total time of one call, connect to last byte. `grace`: what a lease adds."""

    deadline: float = 120.0
    grace: float = 60.0

    @property
    def lease(self) -> timedelta:
        """From a claim, or its holder's last heartbeat, until the attempt counts as lost."""
        return timedelta(seconds=SEND_GUARD_SECONDS + self.grace)

    @property
    def heartbeat(self) -> float:
        """Seconds between two heartbeats: some may fail before a lease runs out."""
        return self.grace / 6

    @property
    def bound(self) -> timedelta:
        """From a claim until its attempt counts as lost, whatever its holder says.

        It must outlive the slowest honest attempt: the wait before the send, the call, and keeping
        and settling what came.
        """
        return timedelta(seconds=SEND_GUARD_SECONDS + self.deadline + self.grace)
