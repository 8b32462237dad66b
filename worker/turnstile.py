"""The turnstile: slots with tickets come through it with a permit and a claimed job.

One slot of a process at a time stands at its head. It asks the limiter for as many permits as slots
wait, claims that many jobs in one commit and hands them out in the order in which the slots came.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from threading import Event, Lock

import structlog

from db.crash_points import CrashPoint, reached
from db.rows import Claim, Held
from jobs.errors import Unavailable
from jobs.pace import PERMIT_LIFE, SECOND
from worker.baton import Baton
from worker.limiter import Limiter

log = structlog.get_logger()

LONGEST_NAP = 1.0
"""Seconds between two questions, so that a changed pause or an emptied queue is seen soon."""
MOST_AT_ONCE = 100
"""Permits of one question: a permit is good for a second, and its claim must be done by then."""


@dataclass(frozen=True)
class Taken:
    """A claimed job and its permit. Times are `time.monotonic` seconds."""

    claim: Claim
    permit: str
    opened_at: float
    """The earliest moment at which the permit may have opened: from before it was asked for."""
    not_before: float
    """The latest: from after it was granted."""
    claimed_at: float
    """From before the claim: a process that was stopped right after its commit must know it."""


class NoJob(StrEnum):
    """Why a ticket ends without a job."""

    NO_JOB = "no job waits"
    WAITED = "waited for a permit"
    STOPPING = "the worker stops"
    UNAVAILABLE = "Redis or SQL does not answer"


@dataclass(frozen=True)
class _Permit:
    name: str
    opened_at: float
    not_before: float


@dataclass(eq=False)
class _Slot:
    until: float
    woken: Baton = field(default_factory=Baton)
    found: Taken | NoJob | None = None


class Turnstile:
    """Nobody but the slot at the head talks to the limiter or claims; the others sleep."""

    def __init__(
        self,
        limiter: Limiter,
        claim: Callable[[int], Sequence[Claim] | Held],
        held: Callable[[Held], None],
        remember: Callable[[], None],
        stopping: Event,
    ) -> None:
        """`claim` claims up to so many jobs; `held` is told what holds the account's calls back;
        `remember` rebuilds a limiter that lost its memory.
        """
        self._limiter = limiter
        self._claim = claim
        self._held = held
        self._remember = remember
        self._stopping = stopping
        self._lock = Lock()
        self._waiting: deque[_Slot] = deque()
        self._headed = False

    def pass_through(self, until: float) -> Taken | NoJob:
        """Wait for a job and a permit until `until` (monotonic), but for one try at least."""
        me = _Slot(until)
        with self._lock:
            self._waiting.append(me)
            heads = not self._headed
            self._headed = True
        if not heads:
            me.woken.wait()
        if me.found is None:  # woken to stand at the head
            try:
                self._stand_at_the_head(me)
            finally:
                self._hand_on(me)
        if me.found is None:
            raise RuntimeError("a slot left the head of the turnstile without an answer")
        return me.found

    def _stand_at_the_head(self, me: _Slot) -> None:
        while me.found is None:
            with self._lock:
                group = list(islice(self._waiting, MOST_AT_ONCE))
            ending, nap = self._turn(group)
            if me.found is None:
                self._stopping.wait(min(nap, LONGEST_NAP, max(0.0, me.until - time.monotonic())))
            self._end_late_ones(group, ending)

    def _hand_on(self, me: _Slot) -> None:
        with self._lock:
            if me in self._waiting:  # an error of ours: it must not keep the others
                self._waiting.remove(me)
            following = self._waiting[0] if self._waiting else None
            self._headed = following is not None
        if following is not None:
            following.woken.pass_on()

    def _turn(self, group: list[_Slot]) -> tuple[NoJob, float]:
        """One question and one claim. What a ticket whose time is up then ends with, and how many
        seconds to wait before the next.
        """
        names = [uuid.uuid4().hex for _ in group]
        # Taken before the question: a permit must not live longer here than Redis thinks.
        asked_at = time.monotonic()
        try:
            answer = self._limiter.ask(names, holds=len(self._waiting))
            if answer.rebuild and not answer.wait:
                self._remember()
        except Unavailable:
            return NoJob.UNAVAILABLE, LONGEST_NAP
        if not answer.granted:
            return NoJob.WAITED, answer.wait
        reached(CrashPoint.PERMITTED)
        granted_at = time.monotonic()
        permits = [
            _Permit(name, asked_at + opens, granted_at + opens)
            for name, opens in zip(names, answer.opens, strict=False)
        ]
        self._hand_out(group, permits, asked_at)
        return NoJob.WAITED, 0.0

    def _hand_out(self, group: list[_Slot], permits: list[_Permit], asked_at: float) -> None:
        claimed_at = time.monotonic()
        # One that has lapsed may not be claimed with: a limiter that lost its memory counts on it.
        if claimed_at - asked_at > PERMIT_LIFE / SECOND or self._stopping.is_set():
            self._give_back(permits)
            return
        try:
            found = self._claim(len(permits))
        except Exception as error:
            # Committed or not, nothing was sent.
            self._give_back(permits)
            if not isinstance(error, Unavailable):
                raise  # in the slot at the head alone; the others try for themselves
            # The tickets end; upkeep will put others.
            self._answer(group, NoJob.UNAVAILABLE)
            return
        if isinstance(found, Held):
            self._held(found)
            self._give_back(permits)
            return
        if found:
            reached(CrashPoint.CLAIMED)
        # First of all: what is claimed must be sent within seconds.
        for slot, permit, claim in zip(group, permits, found, strict=False):
            taken = Taken(claim, permit.name, permit.opened_at, permit.not_before, claimed_at)
            self._answer([slot], taken)
        if not found:
            self._answer(group, NoJob.NO_JOB)
        self._give_back(permits[len(found) :])

    def _give_back(self, permits: list[_Permit]) -> None:
        try:
            if permits:
                self._limiter.give_back(*(permit.name for permit in permits))
        except Unavailable:
            log.warning("limiter_unavailable", permits=len(permits))  # they count for longer

    def _end_late_ones(self, tried: list[_Slot], ending: NoJob) -> None:
        now = time.monotonic()
        with self._lock:
            waiting = list(self._waiting)
        if self._stopping.is_set():
            self._answer(waiting, NoJob.STOPPING)
            return
        # Who came during the turn has not been tried; who stands far behind may never be.
        late = [slot for slot in waiting if slot.until <= now - LONGEST_NAP]
        self._answer([slot for slot in tried if slot.found is None and slot.until <= now], ending)
        self._answer([slot for slot in late if slot.found is None], ending)

    def _answer(self, slots: Sequence[_Slot], found: Taken | NoJob) -> None:
        with self._lock:
            for slot in slots:
                self._waiting.remove(slot)
        for slot in slots:
            slot.found = found
            slot.woken.pass_on()
