"""The turnstile: slots with tickets come through it with a permit and a claimed job.

One slot of a process at a time stands at its head. It asks an account's limiter for as many permits
as slots wait, claims that many jobs in one commit and hands them out in the order in which the slots
came. Which account is asked, `jobs/account_choice.py` says.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Event, Lock

import structlog

from db.crash_points import CrashPoint, reached
from db.rows import Claim, Held
from jobs.account_choice import AccountChoice
from jobs.errors import Unavailable
from jobs.pace import PERMIT_LIFE, SECOND
from worker.baton import Baton
from worker.taken import NoJob, Taken
from worker.upstream_accounts import UpstreamAccount

log = structlog.get_logger()

LONGEST_NAP = 1.0
"""Seconds between two questions, so that a changed pause or an emptied queue is seen soon."""
MOST_AT_ONCE = 100
"""Permits of one question: a permit is good for a second, and its claim must be done by then."""


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
    """Nobody but the slot at the head talks to a limiter or claims; the others sleep."""

    def __init__(
        self,
        accounts: Callable[[], Sequence[UpstreamAccount]],
        claim: Callable[[UpstreamAccount, int], list[Claim] | Held],
        held: Callable[[UpstreamAccount, Held], None],
        remember: Callable[[UpstreamAccount], None],
        jobs_wait: Callable[[], bool],
        stopping: Event,
    ) -> None:
        """`claim` claims up to so many jobs; `held` is told what holds the account's calls back;
        `remember` rebuilds a limiter that lost its memory; `jobs_wait`: whether there is a job that
        any account may call.
        """
        self._accounts = accounts
        self._claim = claim
        self._held = held
        self._remember = remember
        self._jobs_wait = jobs_wait
        self._stopping = stopping
        self._choice = AccountChoice(_us(LONGEST_NAP))
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
        has_tried = False
        while me.found is None:
            with self._lock:
                group = list(islice(self._waiting, MOST_AT_ONCE))
            ending, nap = self._turn(group, must_ask=not has_tried)
            has_tried = True
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

    def _turn(self, group: list[_Slot], *, must_ask: bool) -> tuple[NoJob, float]:
        """One question and one claim. What a ticket whose time is up then ends with, and how many
        seconds to wait before the next.

        `must_ask`: somebody is asked though all have said that it is too early. They may have more
        since, and each slot at the head has one try at least.
        """
        accounts = {one.name: one for one in self._accounts()}
        chosen = self._choice.next(accounts, _now())
        if chosen is None and must_ask:
            chosen = self._choice.soonest(accounts)
        if chosen is None:
            return NoJob.WAITED, self._choice.nap(accounts, _now()) / SECOND
        account = accounts[chosen]
        names = [uuid.uuid4().hex for _ in group]
        # Taken before the question: a permit must not live longer here than Redis thinks.
        asked_at = time.monotonic()
        try:
            answer = account.limiter.ask(names, holds=len(self._waiting))
            if answer.rebuild and not answer.wait:
                self._remember(account)
        except Unavailable:
            return NoJob.UNAVAILABLE, LONGEST_NAP
        self._choice.answered(
            chosen, _now(), wait=_us(answer.wait), opens=[_us(one) for one in answer.opens]
        )
        if answer.granted:
            reached(CrashPoint.PERMITTED)
            granted_at = time.monotonic()
            permits = [
                _Permit(name, asked_at + opens, granted_at + opens)
                for name, opens in zip(names, answer.opens, strict=False)
            ]
            self._hand_out(account, group, permits, asked_at)
        return NoJob.WAITED, self._choice.nap(accounts, _now()) / SECOND

    def _hand_out(
        self, account: UpstreamAccount, group: list[_Slot], permits: list[_Permit], asked_at: float
    ) -> None:
        claimed_at = time.monotonic()
        # One that has lapsed may not be claimed with: a limiter that lost its memory counts on it.
        if claimed_at - asked_at > PERMIT_LIFE / SECOND or self._stopping.is_set():
            self._give_back(account, permits)
            return
        try:
            found = self._claim(account, len(permits))
            others_may = not found and len(self._accounts()) > 1 and self._jobs_wait()
        except Exception as error:
            # Committed or not, nothing was sent.
            self._give_back(account, permits)
            if not isinstance(error, Unavailable):
                raise  # in the slot at the head alone; the others try for themselves
            # The tickets end; upkeep will put others.
            self._answer(group, NoJob.UNAVAILABLE)
            return
        if isinstance(found, Held):
            self._held(account, found)
            self._give_back(account, permits)
            return
        if found:
            reached(CrashPoint.CLAIMED)
            self._choice.served(account.name, len(found), account.account.believed_limit)
        # First of all: what is claimed must be sent within seconds.
        for slot, permit, claim in zip(group, permits, found, strict=False):
            taken = Taken(claim, permit.name, permit.opened_at, permit.not_before, claimed_at)
            self._answer([slot], taken)
        if not found and not others_may:
            self._answer(group, NoJob.NO_JOB)
        self._give_back(account, permits[len(found) :])
        if others_may:
            # Of models that pause on this account: another one's permit may fit.
            self._choice.rests(account.name, _now(), _us(LONGEST_NAP))

    def _give_back(self, account: UpstreamAccount, permits: list[_Permit]) -> None:
        try:
            if permits:
                account.limiter.give_back(*(permit.name for permit in permits))
                self._choice.able(account.name)
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


def _now() -> int:
    """As rules have it: in microseconds, of the monotonic clock."""
    return _us(time.monotonic())


def _us(seconds: float) -> int:
    return round(seconds * SECOND)
