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
        """From claim until an attempt without a settle counts as lost.

        There are no heartbeats, so it must outlive the slowest honest attempt: the wait before
        the send, the call, and keeping and settling what came.
        """
        return timedelta(seconds=SEND_GUARD_SECONDS + self.deadline + self.grace)
