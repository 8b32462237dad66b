"""What limiters have learned of their accounts' limits: the durable half of it, on the account's row."""

from uuid import UUID

from sqlalchemy import or_, update

from db.engine import Database
from db.rows import Learned
from db.tables import accounts
from jobs.window_kind import WindowKind


class LearnedLimits:
    """Written by whoever brings what is new; read with the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def learn(self, account_id: UUID, learned: Learned) -> bool:
        """Keep what its limiter believes, unless something newer is kept; whether it was kept."""
        known = accounts.c.learned_revision
        newer = or_(known.is_(None), known < learned.revision)
        with self._database.write() as connection:
            kept = connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, newer)
                .values(
                    learned_limit=learned.belief,
                    good_limit=learned.good,
                    learned_revision=learned.revision,
                )
            )
            return bool(kept.rowcount)

    def tell_window_kind(self, account_id: UUID, kind: WindowKind) -> None:
        """How the provider's window seems to be."""
        with self._database.write() as connection:
            connection.execute(
                update(accounts).where(accounts.c.id == account_id).values(window_kind=kind)
            )
