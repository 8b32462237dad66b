"""The limiter of one account, shared by all workers through Redis (`limiter.lua`).

Redis away, or a script that fails: `Unavailable`, and no call leaves. A limiter that finds its
memory gone says so (`Answer.rebuild`); `rebuild` gives it what SQL remembers.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from db.rows import Account, RecentCall
from jobs.errors import Unavailable
from jobs.pace import SECOND, SLACK, Allowance
from jobs.wire import waiting_key

_SCRIPT = (files("worker") / "limiter.lua").read_text("utf-8")


@dataclass(frozen=True)
class Answer:
    """So many permits are granted, the first ones. The next may be asked for in `wait` seconds;
    `rebuild`: then with what SQL knows.
    """

    granted: int
    wait: float = 0.0
    rebuild: bool = False


class Limiter:
    """Permits of one account. Permits are named by who asks; a name is used once."""

    def __init__(self, redis: Redis, account: Account) -> None:
        allowance = Allowance(account.call_limit, account.window_seconds * SECOND)
        self._limits = (allowance.limit, allowance.window)
        self._burst = allowance.burst
        self._keys = [
            f"segq:limiter:{account.id}:state",
            f"segq:limiter:{account.id}:calls",
            f"segq:holding:{account.pool}",
            waiting_key(account.pool),
        ]
        self._script = redis.register_script(_SCRIPT)
        self._process = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.memory = timedelta(microseconds=allowance.window + SLACK)
        """How far back a rebuild must look."""

    def ask(self, permits: Sequence[str], *, holds: int) -> Answer:
        """Ask for permits; `holds` is how many tickets this process's slots hold unserved."""
        return self._ask(holds, *permits)

    def look(self) -> Answer:
        """Ask for nothing: only whether the limiter has lost its memory."""
        return self._ask(0)

    def _ask(self, holds: int, *permits: str) -> Answer:
        words: list[str | int] = [*self._limits, self._burst, self._process, holds, *permits]
        granted, wait = cast("list[int]", self._call("ask", *words))
        return Answer(max(0, granted), wait / SECOND, rebuild=granted < 0)

    def sent(self, *calls: tuple[str, float]) -> None:
        """Each of these permits' calls left so many seconds from its grant. To be told once."""
        words: list[str | int] = []
        for permit, after in calls:
            words += [permit, int(after * SECOND)]
        self._call("sent", *words)

    def give_back(self, *permits: str) -> None:
        """The permits' calls never left."""
        self._call("give_back", *self._limits, *permits)

    def pause(self, seconds: float) -> None:
        """Grant nothing for so long; a pause under way is only made longer."""
        self._call("pause", int(seconds * SECOND))

    def resume(self, limited_for: float = 0.0) -> None:
        """End the pause, but for a rate limit that has so many seconds to go."""
        self._call("resume", int(limited_for * SECOND))

    def rebuild(self, calls: list[RecentCall], paused_for: float, *, first: bool = False) -> bool:
        """Start anew with these calls and this pause (seconds); False when another did, or early.

        `first`: no permit of this account was ever given, so there is nothing to wait for.
        """
        known: list[str | int] = []
        for call in calls:
            known += [str(call.attempt_id), int(call.age_seconds * SECOND)]
        pause = int(paused_for * SECOND)
        words = [*self._limits, self._burst, pause, int(first), *known]
        return bool(self._call("rebuild", *words))

    def holds(self) -> int:
        """How many tickets are held by slots that wait for a permit, over all processes."""
        return cast("int", self._call("holds"))

    def _call(self, *words: str | int) -> object:
        with _redis_answers():
            return self._script(keys=self._keys, args=list(words))


@contextmanager
def _redis_answers() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Unavailable(f"Redis does not answer: {error}") from error
