"""The turnstile: one slot of a process at a time looks whether work waits and asks for a permit."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Condition, Event

from jobs.errors import Unavailable
from jobs.money import Money
from jobs.pace import PERMIT_LIFE, SECOND
from worker.limiter import Limiter

LONGEST_NAP = 1.0
"""Seconds between two questions, so that a changed pause or an emptied queue is seen soon."""


@dataclass(frozen=True)
class Permit:
    """A call that costs at most `dearest` may leave. Times are `time.monotonic` seconds."""

    name: str
    granted_at: float
    dearest: Money

    @property
    def lapsed(self) -> bool:
        """Too old to claim with: a limiter that lost its memory counts on that."""
        return time.monotonic() - self.granted_at > PERMIT_LIFE / SECOND


class NoPermit(StrEnum):
    """Why a ticket ends without a job."""

    NO_JOB = "no job waits"
    WAITED = "waited for a permit"
    STOPPING = "the worker stops"
    UNAVAILABLE = "Redis or SQL does not answer"


class Turnstile:
    """`next_price` looks at the queue; `remember` rebuilds a limiter that lost its memory."""

    def __init__(
        self,
        limiter: Limiter,
        next_price: Callable[[], Money | None],
        remember: Callable[[], None],
        stopping: Event,
    ) -> None:
        self._limiter = limiter
        self._next_price = next_price
        self._remember = remember
        self._stopping = stopping
        self._turn = Condition()
        self._taken = False
        self._holding = 0

    def permit(self, until: float) -> Permit | NoPermit:
        """Wait for a permit until `until` (monotonic), at the most."""
        with self._turn:
            self._holding += 1
        try:
            if not self._enter(until):
                return NoPermit.STOPPING if self._stopping.is_set() else NoPermit.WAITED
            try:
                return self._ask(until)
            finally:
                with self._turn:
                    self._taken = False
                    self._turn.notify()
        finally:
            with self._turn:
                self._holding -= 1

    def _enter(self, until: float) -> bool:
        with self._turn:
            while self._taken and not self._stopping.is_set():
                # In steps, because nobody notifies when the worker is told to stop.
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._turn.wait(min(left, LONGEST_NAP))
            if self._stopping.is_set():
                return False
            self._taken = True
            return True

    def _ask(self, until: float) -> Permit | NoPermit:
        ending = NoPermit.WAITED
        while not self._stopping.is_set():
            try:
                found = self._try()
            except Unavailable:
                found, ending = LONGEST_NAP, NoPermit.UNAVAILABLE
            if isinstance(found, Permit | NoPermit):
                return found
            left = until - time.monotonic()
            if left <= 0:
                return ending
            self._stopping.wait(min(found, LONGEST_NAP, left))
        return NoPermit.STOPPING

    def _try(self) -> Permit | NoPermit | float:
        """One question; a number is how many seconds to wait before the next."""
        price = self._next_price()
        if price is None:
            return NoPermit.NO_JOB
        name = uuid.uuid4().hex
        # Taken before the question: a permit must not live longer here than Redis thinks.
        asked_at = time.monotonic()
        answer = self._limiter.ask(name, holds=self._holding)
        if answer.granted:
            return Permit(name, asked_at, price)
        if answer.rebuild and not answer.wait:
            self._remember()
        return answer.wait
