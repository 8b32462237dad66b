"""Random faults on a running system, one after another, in an order that follows from the seed."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.servers.proxy import Proxy
from tests.systems.running_system import System

OURS = ("worker-1", "worker-2", "gateway", "upkeep", "beat")
_DOUBTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 502, "body": "html"},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 504, "body": "empty"},
    {"kind": "reset"},
    {"kind": "reset", "at": "body"},
    {"kind": "reset", "at": "headers", "how": "close"},
    {"kind": "hang"},
    {"kind": "hang", "at": "body"},
    {"kind": "truncate"},
    {"kind": "drip", "part": "headers", "every": 1},
)
"""From outside nobody can tell whether the call ran, so it may have."""
_REJECTED: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 200, "error": "the model fell over"},
    {"kind": "bomb"},
    {"kind": "garbage"},
    {"kind": "garbage", "cut": True},
    {"kind": "endless", "bytes": 100_000_000},
)
_LATE: tuple[dict[str, Any], ...] = (
    {"kind": "hang", "seconds": 1, "then": "answer"},
    {"kind": "content_type", "value": None},
    {"kind": "drip", "bytes": 8192, "every": 0.02},
)
_REFUSED: tuple[dict[str, Any], ...] = tuple(
    {"kind": "status", "status": status} for status in (400, 404, 410, 422, 500, 500)
)
_CREDITS = "1000"


class Faults:
    """`longest` is in seconds: how long a fault that lasts may last at the most."""

    def __init__(
        self, system: System, sql: Proxy | None, seed: int, *, every: float, longest: float
    ) -> None:
        """One about every so many seconds; `sql` is what stands before PostgreSQL, if it does."""
        self._system = system
        self._sql = sql
        self._random = Random(f"faults {seed}")
        self._every = every
        self._longest = longest
        self._ended = threading.Event()
        self._stopped: set[int] = set()
        self.did: Counter[str] = Counter()

    def run(self, ended: threading.Event) -> None:
        """Until `ended` is set. The next begins when the last is over, but for kills and rules."""
        self._ended = ended
        verbs: list[tuple[int, Callable[[], str]]] = [
            (4, self._kill),
            (4, self._halt),
            (2, self._flush),
            (1, self._restart_redis),
            (3, self._database),
            (8, self._break_calls),
            (2, self._limit),
            (1, self._spend),
        ]
        while not ended.wait(self._random.expovariate(1 / self._every)):
            (verb,) = self._random.choices([v for _, v in verbs], [w for w, _ in verbs])
            self.did[verb()] += 1

    def heal(self) -> None:
        """Nothing is broken any more; what was, is for the system to find out."""
        for pid in self._stopped:
            _signal(pid, signal.SIGCONT)
        if self._sql is not None:
            self._sql.passes()
        self._system.sandbox.faults()
        self._system.settings(rpm=None, credits=_CREDITS)

    def _kill(self) -> str:
        name = self._random.choice(OURS)
        _signal(self._system.pid(name), signal.SIGKILL)
        return f"SIGKILL of {name.partition('-')[0]}"

    def _halt(self) -> str:
        name, seconds = self._random.choice(OURS), self._lasting()
        pid = self._system.pid(name)
        self._stopped.add(pid)
        _signal(pid, signal.SIGSTOP)
        self._ended.wait(seconds)
        _signal(pid, signal.SIGCONT)
        self._stopped.discard(pid)
        return f"SIGSTOP of {name.partition('-')[0]}"

    def _flush(self) -> str:
        with suppress(RedisError), Redis.from_url(self._system.run["redis"]) as redis:
            redis.flushall()
        return "Redis flushed"

    def _restart_redis(self) -> str:
        _signal(self._system.pid("redis"), self._random.choice([signal.SIGTERM, signal.SIGKILL]))
        return "Redis restarted"

    def _database(self) -> str:
        seconds, how = self._lasting(), self._random.choice(["refuses", "stalls", "drops"])
        if self._sql is None:
            with self._system.attempts_held():
                self._ended.wait(seconds)
            return "SQLite held"
        getattr(self._sql, how)()
        if how != "drops":
            self._ended.wait(seconds)
            self._sql.passes()
        return f"PostgreSQL {how}"

    def _break_calls(self) -> str:
        kinds: Sequence[tuple[str, Sequence[dict[str, Any]], bool]] = (
            ("a call breaks off", _DOUBTS, self._random.random() < 0.5),
            ("a result is none", _REJECTED, True),
            ("a result is odd or late", _LATE, True),
            ("a call is refused", _REFUSED, False),
        )
        said, effects, runs = self._random.choice(kinds)
        rule = {
            "effect": self._random.choice(effects),
            "count": self._random.randint(1, 4),
            "skip": self._random.randint(0, 5),
            "runs": runs,
        }
        self._system.sandbox.faults(rule)
        return said

    def _limit(self) -> str:
        rpm = self._random.choice([None, None, 30, 120, 600])
        self._system.settings(rpm=rpm)
        return "another rate limit"

    def _spend(self) -> str:
        self._system.settings(credits="0.02")
        self._ended.wait(self._lasting())
        self._system.settings(credits=_CREDITS)
        return "the balance runs out"

    def _lasting(self) -> float:
        return self._random.uniform(0.5, self._longest)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it was killed a moment ago
        os.kill(pid, number)
