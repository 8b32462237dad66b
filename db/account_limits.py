"""How many calls may leave an account in a window: what an operator has set, and what limiters have
learned. The durable half of a limiter, on the account's row.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, update

from db.account_rows import note
from db.account_values import Change, Learned
from db.engine import Database
from db.tables import accounts
from jobs.limiting import FIRST_BELIEF
from jobs.window_kind import WindowKind

NOTHING_LEARNED: dict[str, Any] = {
    "learned_limit": None,
    "good_limit": None,
    "learned_revision": None,
    "window_kind": None,
}


class AccountLimits:
    """Written by whoever brings what is new; read with the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, account_id: UUID, limit: int | None, change: Change) -> None:
        """Let so many calls (≥ 1) leave in a window, whatever is configured; None: find the limit out.

        What was learned of another limit is forgotten.
        """
        limits = {
            "call_limit": FIRST_BELIEF if limit is None else limit,
            "limit_auto": limit is None,
        }
        mine = accounts.c.id == account_id
        with self._database.write() as connection:
            connection.execute(
                update(accounts).where(mine, differs(limits)).values(**limits, **NOTHING_LEARNED)
            )
            connection.execute(
                update(accounts)
                .where(mine)
                .values(limit_by_hand=True, **note(change, self._database))
            )

    def follow_settings(self, account_id: UUID, change: Change) -> None:
        """Let the account have what is configured again, as soon as a worker starts and says it."""
        with self._database.write() as connection:
            connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id)
                .values(limit_by_hand=False, **note(change, self._database))
            )

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


def differs(limits: dict[str, Any]) -> ColumnElement[bool]:
    """Whether an account has another limit than this."""
    return or_(*(accounts.c[name] != value for name, value in limits.items()))
