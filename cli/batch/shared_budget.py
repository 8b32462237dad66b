"""`--budget` of a folder: all of its batches share it."""

from decimal import Decimal

from cli.batch.records import Record, Records
from cli.complaint import ComplaintError
from segq_client import Client


def left_of(
    budget: Decimal, client: Client, records: Records, besides: Record | None = None
) -> Decimal:
    """What its batches leave of it, but for that of `besides`, in USD.

    Raises `ComplaintError` where that is nothing, and the client's errors.
    """
    taken = sum((_taken(client, one) for one in records.all if one is not besides), Decimal(0))
    if taken >= budget:
        raise ComplaintError(
            f"the budget of ${budget:f} is taken by the batches of this folder (${taken:f}): give a "
            "higher `--budget`"
        )
    return budget - taken


def _taken(client: Client, record: Record) -> Decimal:
    """What it has cost and may still; while it is being filled, its whole budget.

    Raises `ComplaintError` where it is being filled without one: nobody knows what it will take.
    """
    own = record.members.get("budget")
    if record.id is not None:
        batch = client.batches.get(record.id)
        if record.is_closed:
            return batch.committed
        own = batch.raw.get("budget")
    if own is None:
        raise ComplaintError(
            "a batch of this folder is still being filled, without a budget: first give the command "
            "with this `--budget` and the list as it was"
        )
    return Decimal(own)
