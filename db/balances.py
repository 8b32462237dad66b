"""The balance that an account is believed to have."""

from uuid import UUID

from sqlalchemy import Connection, bindparam, or_, update

from db.tables import accounts
from jobs.credits import Reading


def believe(connection: Connection, account_id: UUID, reading: Reading) -> None:
    """Let the newer of the known reading and this one stand: `jobs.credits.newer` in one trip."""
    connection.execute(
        _BELIEVE,
        {
            "account": account_id,
            "read": reading.credits,
            "sent": reading.sent_at,
            "arrived": reading.arrived_at,
        },
    )


_BELIEVE = (
    update(accounts)
    .where(
        accounts.c.id == bindparam("account"),
        or_(
            accounts.c.credits.is_(None),
            accounts.c.credits_arrived_at < bindparam("sent"),
            accounts.c.credits > bindparam("read"),
        ),
    )
    .values(
        credits=bindparam("read"),
        credits_sent_at=bindparam("sent"),
        credits_arrived_at=bindparam("arrived"),
    )
)
