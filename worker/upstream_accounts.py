"""The upstream accounts that this process can call with: each with its client and its limiter."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from db.account_values import Account
from upstream import Segmind
from worker.limiter import Limiter
from worker.telling import Telling


@dataclass(frozen=True)
class UpstreamAccount:
    """One of the pool's, and what its calls go through."""

    segmind: Segmind
    limiter: Limiter
    telling: Telling

    @property
    def account(self) -> Account:
        """As its row was when it was last read; its pauses and balance are SQL's to say."""
        return self.limiter.account

    @property
    def id(self) -> UUID:
        return self.account.id

    @property
    def name(self) -> str:
        return self.account.name


class UpstreamAccounts:
    """Those at work, from which calls may leave, and those that were: an attempt of either is asked
    about with its own account's key. Read by all threads, changed by one.
    """

    def __init__(self, accounts: Iterable[UpstreamAccount] = ()) -> None:
        self._at_work = tuple(accounts)
        self._known = {one.id: one for one in self._at_work}

    def at_work(self) -> tuple[UpstreamAccount, ...]:
        """Those from which calls may leave, the oldest first. They may pause."""
        return self._at_work

    def of(self, account_id: UUID) -> UpstreamAccount | None:
        """The account; None where its key has never been known here."""
        return self._known.get(account_id)

    def put(self, accounts: Iterable[UpstreamAccount], at_work: Iterable[UUID]) -> None:
        """Know these from now on, instead of what was known of the same; these are at work."""
        known = {**self._known, **{one.id: one for one in accounts}}
        self._known = known
        self._at_work = tuple(known[account_id] for account_id in at_work)

    def close(self) -> None:
        """Close the idle connections of all."""
        for one in self._known.values():
            one.segmind.close()
