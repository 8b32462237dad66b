"""Keeps what a process can call with in step with the database: keys come and go while it runs."""

from collections.abc import Callable, Mapping
from uuid import UUID

import structlog

from db.account_keys import AccountKeys
from db.account_values import Account, KeySource
from db.accounts import AccountStore
from db.sealing import MasterKeys, Sealed
from jobs.errors import CannotDecrypt
from jobs.upstream_keys import fingerprint
from logs.stream import hide
from worker.upstream_accounts import UpstreamAccount, UpstreamAccounts

log = structlog.get_logger()

LOOK_EVERY = 5.0
"""Seconds between two looks at the accounts' rows."""
_NO_MASTER_KEY = "it is kept encrypted, and SEGQ_ENCRYPTION_KEY is not set"
_NO_KEY = "no key of it is kept: add it again by `segq account add NAME --replace`"


class AccountWatch:
    """Of one thread at a time. A row whose key cannot be had drops out, and keeps no other."""

    def __init__(
        self,
        pool: str,
        accounts: AccountStore,
        keys: AccountKeys,
        *,
        given: Mapping[str, str],
        master: MasterKeys | None,
        connect: Callable[[Account, str], UpstreamAccount],
        taken_up: Callable[[Account], Account],
    ) -> None:
        """`given`: keys from the environment, by account; they go before those of the database.
        `taken_up` is told of each account that is seen for the first time, and gives it as it is then.
        """
        self.upstream = UpstreamAccounts()
        self.keys = keys
        self._pool = pool
        self._accounts = accounts
        self.given = given
        self._master = master
        self._connect = connect
        self._taken_up = taken_up
        self._in_use: dict[UUID, str] = {}
        self._troubles: dict[UUID, str] = {}

    def look(self) -> list[UpstreamAccount]:
        """Take up, change and drop what the rows say; those that are at work since this look.

        Raises `Unavailable`.
        """
        sealed = self.keys.of_pool(self._pool)
        names: dict[str, str] = {}
        troubles: dict[UUID, str] = {}
        known: list[UpstreamAccount] = []
        at_work: list[UUID] = []
        for account in self._accounts.ever_of_pool(self._pool):
            try:
                key = self._key(account, sealed.get(account.id))
            except CannotDecrypt as error:
                troubles[account.id] = str(error)
                continue
            if key is None:
                continue
            known.append(self._known(account, key))
            if account.removed_at is not None:
                continue
            if key in names:
                # Two limiters of one key would let twice as many calls leave.
                troubles[account.id] = f"it is the key of account {names[key]} too"
                continue
            names[key] = account.name
            at_work.append(account.id)
        before = {one.id for one in self.upstream.at_work()}
        self.upstream.put(known, at_work)
        self._log(before, troubles)
        self._troubles = troubles
        return [one for one in self.upstream.at_work() if one.id not in before]

    def tell_troubles(self) -> None:
        """Write down which keys cannot be used, and which can again. Of upkeep alone: it speaks for
        all, which are given the same keys. Raises `Unavailable`.
        """
        for account in self._accounts.of_pool(self._pool):
            trouble = self._troubles.get(account.id)
            if trouble != account.key_trouble:
                self._accounts.tell_key_trouble(account.id, trouble)

    def _key(self, account: Account, sealed: Sealed | None) -> str | None:
        """None where it is nobody's business here. Raises `CannotDecrypt`."""
        given = self.given.get(account.name)
        if given is not None:
            return given
        if account.key_source is not KeySource.DATABASE:
            return None
        if sealed is None:
            if account.removed_at is not None:
                return None  # it is erased, as it should be
            raise CannotDecrypt(_NO_KEY)
        if self._master is None:
            raise CannotDecrypt(_NO_MASTER_KEY)
        key = self._master.open(sealed)
        hide(key)
        return key

    def _known(self, account: Account, key: str) -> UpstreamAccount:
        now = self.upstream.of(account.id)
        if now is None or self._in_use.get(account.id) != key:
            if now is not None:
                now.segmind.close()  # calls under way end as they would have
            elif account.removed_at is None:
                account = self._taken_up(account)
            self._in_use[account.id] = key
            return self._connect(account, key)
        now.limiter.remember(account)
        if account.key_fingerprint not in {None, fingerprint(key)}:
            # Another process was started with another key: calls leave with both until this ends.
            self._accounts.tell_another_key(account.id)
        return now

    def _log(self, before: set[UUID], troubles: Mapping[UUID, str]) -> None:
        now = {one.id for one in self.upstream.at_work()}
        for account_id in before - now:
            one = self.upstream.of(account_id)
            log.info("account_left", account=one.name if one else str(account_id))
        for account_id, trouble in troubles.items():
            if self._troubles.get(account_id) != trouble:
                log.error("key_unusable", account=str(account_id), reason=trouble)
