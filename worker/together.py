"""Work that many threads have at once is done together: one commit for all that has arrived.

Who comes first goes at once, alone. Who comes while that is under way waits, and all of them go
together next. So nothing is slower when it is quiet, a group grows only as far as its work takes,
and it needs no thread of its own.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from worker.baton import Baton

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Failed:
    """What came of an item when it was an error: `do` raises it."""

    error: BaseException


@dataclass(eq=False)
class _Caller(Generic[T, R]):
    item: T
    woken: Baton = field(default_factory=Baton)
    outcome: "Failed | tuple[R] | None" = None


class Together(Generic[T, R]):
    """`work` gets what several callers brought, and gives a result or `Failed` for each, in order.

    What `work` itself raises is raised in each of them.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R | Failed]], most: int) -> None:
        """At `most` (≥ 1) go in one group."""
        self._work = work
        self._most = most
        self._lock = Lock()
        self._waiting: deque[_Caller[T, R]] = deque()
        self._under_way = False

    def do(self, item: T) -> R:
        """The result for `item`; raises what came of it when that is an error."""
        me = _Caller[T, R](item)
        with self._lock:
            self._waiting.append(me)
            leads = not self._under_way
            self._under_way = True
        if not leads:
            me.woken.wait()
        if me.outcome is None:  # woken to lead the next group, whose first it is
            self._lead(me)
        if me.outcome is None:
            raise RuntimeError("a group was led without its leader")
        if isinstance(me.outcome, Failed):
            raise me.outcome.error
        return me.outcome[0]

    def _lead(self, me: _Caller[T, R]) -> None:
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        outcomes: list[Failed | tuple[R]]
        try:
            results = self._work([one.item for one in group])
            outcomes = [one if isinstance(one, Failed) else (one,) for one in results]
        except BaseException as error:  # noqa: BLE001  # or those who wait would do so for ever
            outcomes = [Failed(error)] * len(group)
        for one, outcome in zip(group, outcomes, strict=True):
            one.outcome = outcome
            if one is not me:
                one.woken.pass_on()
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._under_way = following is not None
        if following is not None:
            following.woken.pass_on()
