"""The limiter of one account, shared by all workers through Redis (`limiter.lua`).

Redis away, or a script that fails: `Unavailable`, and no call leaves. A limiter that finds its
memory gone says so (`Answer.rebuild`); `rebuild` gives it what SQL remembers.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from db.account_values import Account, Learned, RecentCall
from jobs.errors import Unavailable
from jobs.limiting import Ended
from jobs.pace import SECOND, SLACK
from jobs.wire import waiting_key

_PARTS = ("memory", "learning", "concurrency", "breaker", "permits", "limiter")
_SCRIPT = "\n".join((files("worker") / f"{part}.lua").read_text("utf-8") for part in _PARTS)
AT_ONCE = 1_000
"""Calls of an account in flight at the most, where nothing else is said."""
DEADLINE = 120.0
BREAKER_OPENS = 30.0


@dataclass(frozen=True)
class Answer:
    """So many permits are granted, the first ones; each opens in so many seconds. The next may be
    asked for in `wait` seconds; `rebuild`: then with what SQL knows.
    """

    granted: int
    wait: float = 0.0
    rebuild: bool = False
    opens: tuple[float, ...] = ()


@dataclass(frozen=True)
class Answered:
    """A call that was answered, but for a 429: it arrived so many seconds after its permit opened."""

    permit: str
    arrived: float
    ended: Ended


@dataclass(frozen=True)
class Refusal:
    """What a 429 made of it: no call for so many seconds."""

    pause: float
    learned: Learned


class Limiter:
    """Permits of one account. Permits are named by who asks; a name is used once."""

    def __init__(
        self,
        redis: Redis,
        account: Account,
        *,
        at_once: int = AT_ONCE,
        deadline: float = DEADLINE,
        breaker_opens: float = BREAKER_OPENS,
        process: str = "",
    ) -> None:
        """`at_once`: calls in flight at the most; `deadline`: seconds that one takes at the most;
        `breaker_opens`: seconds for which the circuit breaker opens first; `process`: who asks, the
        same for all accounts of a process, so that what its slots hold counts once.
        """
        self._account = account
        self._at_once = at_once
        self._deadline = int(deadline * SECOND)
        self._breaker_opens = int(breaker_opens * SECOND)
        self._keys = [
            f"segq:limiter:{account.id}:state",
            f"segq:limiter:{account.id}:calls",
            f"segq:limiter:{account.id}:flights",
            f"segq:holding:{account.pool}",
            waiting_key(account.id),
        ]
        self._script = redis.register_script(_SCRIPT)
        self._process = process or secrets.token_hex(8)

    @property
    def account(self) -> Account:
        """As its row was when it was last read."""
        return self._account

    @property
    def memory(self) -> timedelta:
        """How far back a rebuild must look."""
        return timedelta(microseconds=self._account.window_seconds * SECOND + SLACK)

    def ask(self, permits: Sequence[str], *, holds: int) -> Answer:
        """Ask for permits; `holds` is how many tickets this process's slots hold unserved."""
        return self._ask(holds, *permits)

    def look(self) -> Answer:
        """Ask for nothing: only whether the limiter has lost its memory."""
        return self._ask(0)

    def _ask(self, holds: int, *permits: str) -> Answer:
        words: list[str | int] = [self._process, holds, self._deadline, *permits]
        status, wait, *opens = cast("list[int]", self._call("ask", *words))
        return Answer(
            len(opens),
            wait / SECOND,
            rebuild=status < 0,
            opens=tuple(one / SECOND for one in opens),
        )

    def answered(self, *calls: Answered) -> None:
        """These calls were answered. To be told once, and at once: they stop counting by it."""
        words: list[str | int] = [self._deadline]
        for call in calls:
            words += [call.permit, max(0, round(call.arrived * SECOND)), call.ended]
        self._call("answered", *words)

    def refused(self, permit: str, pause: float, *, stated: bool) -> Refusal | None:
        """The call met a 429; `stated`: in `pause` seconds the limit resets, as the answer said.

        None from a limiter without memory: then the account's row alone pauses.
        """
        words: list[str | int] = [permit, max(1, round(pause * SECOND)), int(stated)]
        found = cast("list[int]", self._call("refused", *words))
        if not found:
            return None
        pause_for, *learned = found
        return Refusal(pause_for / SECOND, Learned(*learned))

    def give_back(self, *permits: str) -> None:
        """The permits' calls never left."""
        self._call("give_back", *permits)

    def pause(self, seconds: float) -> None:
        """Grant nothing for so long; a pause under way is only made longer."""
        self._call("pause", int(seconds * SECOND))

    def resume(self, limited_for: float = 0.0) -> None:
        """End the pause, but for a rate limit that has so many seconds to go."""
        self._call("resume", int(limited_for * SECOND))

    def configure(self, account: Account) -> Learned | None:
        """Take over what the account's row has configured. What it believes by now; None: nothing."""
        self._account = account
        found = cast("list[int]", self._call("configure", *self._configured))
        return Learned(*found) if found else None

    def rebuild(self, calls: list[RecentCall], paused_for: float, *, first: bool = False) -> bool:
        """Start anew with these calls and this pause (seconds); False when another did, or early.

        `first`: no permit of this account was ever given, so there is nothing to wait for.
        """
        known: list[str | int] = []
        for call in calls:
            known += [str(call.attempt_id), int(call.age_seconds * SECOND)]
        learned = self._account.learned or Learned(0, 0, 0)
        words: list[str | int] = [
            *self._configured,
            learned.belief,
            learned.good,
            learned.revision,
            int(paused_for * SECOND),
            int(first),
            *known,
        ]
        return bool(self._call("rebuild", *words))

    def remember(self, account: Account) -> None:
        """What the account's row says now, for the next `rebuild` and whoever asks."""
        self._account = account

    def holds(self) -> int:
        """How many tickets are held by slots that wait for a permit, over all processes."""
        return cast("int", self._call("holds"))

    @property
    def _configured(self) -> list[int]:
        account = self._account
        return [
            account.call_limit,
            account.window_seconds * SECOND,
            int(account.limit_auto),
            self._at_once,
            self._breaker_opens,
        ]

    def _call(self, *words: str | int) -> object:
        with _redis_answers():
            return self._script(keys=self._keys, args=list(words))


@contextmanager
def _redis_answers() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Unavailable(f"Redis does not answer: {error}") from error
