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
        ways = "give a higher `--budget`"
        if not all(one.is_closed for one in records.all):
            ways += ", or first let the list as it was before be sent: what it leaves is free then"
        raise ComplaintError(
            f"the budget of ${budget:f} is taken by the batches of this folder (${taken:f}): {ways}"
        )
    return budget - taken


def _taken(client: Client, record: Record) -> Decimal:
    """What it has cost and may still; while it is being filled, its whole budget."""
    own = record.members.get("budget")
    if record.id is None:
        return Decimal(own or 0)
    batch = client.batches.get(record.id)
    own = batch.raw.get("budget")
    return batch.committed if record.is_closed or own is None else Decimal(own)
