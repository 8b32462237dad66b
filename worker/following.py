"""What a process does in a thread beside its tasks: it follows the accounts that come and go."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

import structlog

from jobs.errors import Unavailable
from worker.account_watch import LOOK_EVERY
from worker.parts import Parts, warm_up
from worker.stopping import stopping
from worker.upkeep import probe
from worker.upstream_accounts import UpstreamAccount

log = structlog.get_logger()

R = TypeVar("R")


def follow(parts: Parts) -> None:
    """Of a process that serves tickets: open the limiter of each account as it comes to work."""
    _follow(parts, warm_up, lambda: None)


def follow_for_all(parts: Parts) -> None:
    """Of upkeep: besides, remove accounts whose keys the environment has no more, and tell which
    keys cannot be used.
    """
    _guarded(lambda: _drop_missing(parts))
    # A pause may be of an earlier key or balance: ask at once, not a probe's interval later.
    _follow(parts, probe, parts.watch.tell_troubles)


def _follow(
    parts: Parts, comes: Callable[[Parts, UpstreamAccount], object], after: Callable[[], None]
) -> None:
    """Until the process is told to stop."""
    new = list(parts.upstream.at_work())
    while True:
        for one in new:
            # Each by itself: a limiter without memory waits for seconds, a probe for Segmind.
            Thread(target=comes, args=(parts, one), name="new-account", daemon=True).start()
        _guarded(after)
        if stopping.wait(LOOK_EVERY):
            return
        new = _guarded(parts.watch.look) or []
        for one in new:
            log.info("account_at_work", account=one.name, source=one.account.key_source)


def _drop_missing(parts: Parts) -> None:
    for name in parts.accounts.drop_missing(parts.pool, parts.watch.given):
        log.warning("account_removed", account=name, reason="its key is in no setting any more")


def _guarded(work: Callable[[], R]) -> R | None:
    """None where it went wrong: the next turn may go well."""
    try:
        return work()
    except Unavailable as error:
        log.warning("accounts_not_followed", reason=str(error))
    except Exception:
        log.exception("following_broke")
    return None
