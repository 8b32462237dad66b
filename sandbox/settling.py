"""How a call ends: refused, completed or failed; in the ledger, the history and the balance."""

import time
from decimal import Decimal

from sandbox.account import Account
from sandbox.admission import Call, Started
from sandbox.inference import Made
from sandbox.ledger import Row
from sandbox.service import Service

BROKEN = "Internal server error"
"""What a call fails with that a mistake of the sandbox's own ended."""


def refuse(call: Call, status: int) -> None:
    """It never ran; a refusal is the answer, whatever fault would have come."""
    row = call.row
    row.state, row.status, row.fault = "refused", status, None
    row.finished_at = time.time()


def complete(service: Service, started: Started, made: Made) -> None:
    """It ran; its images are published, and what it costs is charged already."""
    for name in made.names:
        service.outputs.publish(name)
    started.entry.remaining = started.account.balance
    service.history.complete(started.entry, made.names)
    row = started.entry.row
    row.state, row.finished_at = "completed", time.time()


def fail(started: Started, error: str) -> None:
    """It ran and made nothing: the money goes back."""
    row = started.entry.row
    give_back(started.account, row)
    started.entry.remaining = started.account.balance
    started.entry.fail(error)
    row.state, row.finished_at = "failed", time.time()


def break_off(row: Row) -> None:
    """A mistake of the sandbox's own ended it, before it ran or while it did."""
    row.state, row.status, row.fault = "failed", 500, None
    row.finished_at = row.finished_at or time.time()


def give_back(account: Account, row: Row) -> None:
    """It is not charged after all."""
    account.balance += row.cost
    row.cost = Decimal(0)
