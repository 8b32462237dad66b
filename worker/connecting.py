"""The part of a worker's composition root that is of accounts: what each is called and bounded with."""

from uuid import UUID

from redis import Redis

from db.account_keys import AccountKeys
from db.account_limits import AccountLimits
from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from jobs.upstream_keys import fingerprint
from upstream import Endpoints, Segmind
from worker.account_watch import AccountWatch
from worker.limiter import Limiter
from worker.settings import Settings
from worker.telling import Telling
from worker.upstream_accounts import UpstreamAccount

ASKERS = 16
"""Questions to Segmind at once, of upkeep: each mostly waits."""


def watch_accounts(
    settings: Settings, database: Database, redis: Redis, holder: UUID, *, as_guest: bool
) -> AccountWatch:
    """The accounts of the environment made, and all of the pool looked at for the first time.

    `holder`: this process. `as_guest`: beside a system that runs, whose accounts keep their limits.
    """
    accounts = AccountStore(database)
    endpoints = Endpoints.from_base_url(
        settings.segmind_base_url,
        history_url=settings.history_url,
        image_hosts=settings.image_hosts,
    )

    def ensure(name: str, given: str | None = None) -> Account:
        return accounts.ensure(
            settings.pool,
            name,
            call_limit=settings.calls_per_minute,
            window_seconds=settings.window_seconds,
            limit_auto=settings.limit_auto,
            given=given,
        )

    def connect(account: Account, key: str) -> UpstreamAccount:
        segmind = Segmind(
            key,
            endpoints,
            connections=max(settings.slots, ASKERS),
            deadline=settings.timing.deadline,
            proxy=settings.segmind_proxy,
        )
        limiter = Limiter(
            redis,
            account,
            at_once=settings.at_once,
            deadline=settings.timing.deadline,
            breaker_opens=settings.breaker_seconds,
            process=holder.hex,
        )
        return UpstreamAccount(segmind, limiter, Telling(limiter, AccountLimits(database)))

    there = {one.name for one in accounts.of_pool(settings.pool)} if as_guest else set()
    for name, key in settings.segmind_keys.items():
        if name not in there:
            ensure(name, fingerprint(key))
    watch = AccountWatch(
        settings.pool,
        accounts,
        AccountKeys(database),
        given=settings.segmind_keys,
        master=settings.master_keys,
        connect=connect,
        taken_up=lambda account: account if as_guest else ensure(account.name),
    )
    watch.look()
    return watch
