from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from redis import Redis

from db.account_values import Account, Learned, RecentCall
from jobs.errors import Unavailable
from jobs.limiting import Ended, Limiting, Limits
from jobs.pace import SECOND
from tests.worker.flight_cases import FLIGHT_CASES
from tests.worker.on_a_clock import START, on_a_clock, set_clock
from tests.worker.pace_cases import (
    PACE_CASES,
    Answered,
    Ask,
    Case,
    GiveBack,
    Pause,
    Refused,
    Resume,
)
from worker import limiter as limiter_module
from worker.limiter import Limiter

__all__ = ["on_a_clock"]
CASES = (*PACE_CASES, *FLIGHT_CASES)
DEADLINE = 120 * SECOND


def _account(limit: int, *, auto: bool = False, learned: Learned | None = None) -> Account:
    account = Account(uuid4(), "segmind", "default", limit, 60, None, None, None)
    return replace(account, limit_auto=auto, learned=learned)


def _names() -> Iterator[str]:
    yield from "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_keeps_to_the_cases(case: Case) -> None:
    limits = Limits(case.limit, at_once=case.at_once, auto=case.auto)
    state, now, names = Limiting.opened(limits, 0), 0, _names()
    for step in case.steps:
        now = round((getattr(step, "at", None) or now / SECOND) * SECOND)
        match step:
            case Ask(_, granted, wait, opens):
                answer = state.ask(now, [next(names)] if granted else ["x"], DEADLINE)
                assert (len(answer.opens) == 1) is granted, step
                assert wait is None or answer.wait == pytest.approx(wait * SECOND), step
                assert opens is None or answer.opens[0] == pytest.approx(opens * SECOND), step
            case Answered(permit, arrived, ended, _):
                state.answered(now, permit, round(arrived * SECOND), ended, deadline=DEADLINE)
            case Refused(_, permit, pause, stated, belief):
                state.refused(now, permit, round(pause * SECOND), stated=stated)
                assert belief is None or state.known.belief == belief, step
            case GiveBack(permit):
                state.give_back(permit)
            case Pause(_, seconds):
                state.pause(now + round(seconds * SECOND))
            case Resume():
                state.paused_until = 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_script_keeps_to_the_cases(case: Case, on_a_clock: Redis) -> None:
    account = _account(case.limit, auto=case.auto)
    limiter, names = Limiter(on_a_clock, account, at_once=case.at_once), _names()
    assert limiter.look().rebuild
    assert limiter.rebuild([], 0, first=True)
    for step in case.steps:
        if getattr(step, "at", None) is not None:
            set_clock(on_a_clock, step.at)  # type: ignore[union-attr,arg-type]  # it has one
        match step:
            case Ask(_, granted, wait, opens):
                answer = limiter.ask([next(names)] if granted else ["x"], holds=1)
                assert (answer.granted == 1) is granted, step
                assert wait is None or answer.wait == pytest.approx(wait), step
                assert opens is None or answer.opens[0] == pytest.approx(opens), step
            case Answered(permit, arrived, ended, _):
                limiter.answered(limiter_module.Answered(permit, arrived, ended))
            case Refused(_, permit, pause, stated, belief):
                refusal = limiter.refused(permit, pause, stated=stated)
                assert refusal is not None
                assert belief is None or refusal.learned.belief == belief, step
            case GiveBack(permit):
                limiter.give_back(permit)
            case Pause(_, seconds):
                limiter.pause(seconds)
            case Resume():
                limiter.resume()


def test_a_limiter_without_memory_grants_nothing_until_it_has_been_told(
    on_a_clock: Redis,
) -> None:
    limiter = Limiter(on_a_clock, _account(2))
    first = limiter.ask(["a"], holds=0)
    assert (first.granted, first.rebuild, first.wait) == (False, True, 6.0)
    set_clock(on_a_clock, 5.9)
    assert not limiter.rebuild([], 0), "too early: a call may still leave that SQL does not know"
    set_clock(on_a_clock, 6)
    assert limiter.ask(["a"], holds=0).rebuild
    assert limiter.rebuild([RecentCall(uuid4(), 20), RecentCall(uuid4(), 10)], 5)
    assert not limiter.rebuild([], 0), "somebody else was first"
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(5)
    set_clock(on_a_clock, 11)
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(41.15)
    set_clock(on_a_clock, 11 + 41.15)
    assert limiter.ask(["a"], holds=0).granted


def test_a_flush_forgets_neither_calls_nor_the_pause(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    assert limiter.rebuild([], 0, first=True)
    assert limiter.ask(["a"], holds=0).granted
    on_a_clock.flushall()
    set_clock(on_a_clock, 3)
    assert limiter.ask(["b"], holds=0).rebuild
    set_clock(on_a_clock, 9)
    assert limiter.rebuild([], 40)
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(40)


def test_a_clock_that_was_set_back_stops_nothing_for_long(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    limiter.rebuild([], 0, first=True)
    assert limiter.ask(["a"], holds=0).granted
    limiter.pause(100)
    set_clock(on_a_clock, -3600)
    answer = limiter.ask(["b"], holds=0)
    assert (answer.rebuild, answer.wait) == (True, 6.0)
    set_clock(on_a_clock, -3594)
    assert limiter.rebuild([], 0)
    assert limiter.ask(["b"], holds=0).granted


@pytest.mark.parametrize("seconds", [120, 3_600])
def test_a_pause_of_any_length_is_no_clock_that_was_set_back(
    on_a_clock: Redis, seconds: int
) -> None:
    limiter = Limiter(on_a_clock, replace(_account(60), window_seconds=5))
    assert limiter.rebuild([], 0, first=True)
    assert limiter.ask(["a"], holds=0).granted
    assert limiter.refused("a", seconds, stated=True) is not None
    answer = limiter.ask(["b"], holds=0)
    assert (answer.rebuild, answer.wait) == (False, seconds)
    on_a_clock.flushall()
    set_clock(on_a_clock, 6)
    limiter.look()
    set_clock(on_a_clock, 12)
    assert limiter.rebuild([], seconds - 12)
    answer = limiter.ask(["b"], holds=0)
    assert (answer.rebuild, answer.wait) == (False, seconds - 12)
    set_clock(on_a_clock, seconds)
    assert limiter.ask(["b"], holds=0).granted


def test_a_pause_that_was_told_before_the_clock_was_set_back_is_asked_about_anew(
    on_a_clock: Redis,
) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    limiter.rebuild([], 0, first=True)
    limiter.pause(30)
    set_clock(on_a_clock, -70)
    limiter.pause(10)  # it confirms no time of the old clock
    assert limiter.look().rebuild


def test_a_resume_leaves_a_rate_limit_standing(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    limiter.rebuild([], 0, first=True)
    limiter.pause(100)
    limiter.resume(limited_for=40)
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(40)
    limiter.resume()
    assert limiter.ask(["a"], holds=0).granted


def test_tickets_that_are_held_are_counted_while_someone_asks(on_a_clock: Redis) -> None:
    one, other = Limiter(on_a_clock, _account(60)), Limiter(on_a_clock, _account(60))
    one.ask("a", holds=5)
    other.ask(["b"], holds=2)
    assert one.holds() == 7
    set_clock(on_a_clock, 2)
    other.ask(["c"], holds=1)
    assert one.holds() == 6
    set_clock(on_a_clock, 4)
    assert one.holds() == 1


def test_redis_away_means_no_permit() -> None:
    with Redis(port=1, socket_connect_timeout=1) as nobody:
        limiter = Limiter(nobody, _account(60))
        with pytest.raises(Unavailable, match="Redis does not answer"):
            limiter.ask(["a"], holds=0)


def test_several_permits_are_granted_as_if_asked_for_one_by_one(on_a_clock: Redis) -> None:
    # Three at once after a rest, 27 in the rest of 60 s.
    limiter = Limiter(on_a_clock, _account(30))
    assert limiter.rebuild([], 0, first=True)
    answer = limiter.ask(["a", "b", "c", "d", "e"], holds=5)
    assert answer.granted == 3
    assert answer.wait == pytest.approx(58.5 / 28 - 0.1)
    limiter.give_back("a", "b", "c")
    assert limiter.ask(["f", "g", "h"], holds=3).granted == 2
    # Told together, each counts for a window from when it arrived.
    limiter.answered(
        *(
            limiter_module.Answered(permit, arrived, Ended.CLEAN)
            for permit, arrived in (("f", 2.0), ("g", 5.0), ("unknown", 0.0))
        )
    )
    for permit, until in {"f": 62.0, "g": 65.0}.items():
        counts = on_a_clock.zscore(limiter._keys[1], permit)
        assert isinstance(counts, float)
        assert counts / SECOND - START == until


def test_what_was_learned_outlives_a_flush(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    assert limiter.rebuild([], 0, first=True)
    for permit in "abcdef":
        assert limiter.ask([permit], holds=0).granted
    limiter.answered(*(limiter_module.Answered(one, 0.0, Ended.CLEAN) for one in "abcde"))
    refusal = limiter.refused("f", 55, stated=True)
    assert refusal is not None
    assert refusal.learned == Learned(5, 60, 1)
    on_a_clock.flushall()
    set_clock(on_a_clock, 0)
    assert limiter.ask(["g"], holds=0).rebuild
    set_clock(on_a_clock, 6)
    limiter.remember(replace(limiter._account, learned=refusal.learned))
    assert limiter.rebuild([], 0)
    assert limiter.configure(limiter._account) == Learned(5, 60, 1)
    assert limiter.ask(["g", "h"], holds=0).granted == 1, "one call in twelve seconds"


def test_another_limit_of_the_row_is_taken_over_and_one_that_stays_is_not_relearned(
    on_a_clock: Redis,
) -> None:
    account = _account(60, learned=Learned(5, 60, 7))
    limiter = Limiter(on_a_clock, account)
    assert limiter.configure(account) is None, "it has no memory yet"
    assert limiter.rebuild([], 0, first=True)
    assert limiter.configure(account) == Learned(5, 60, 7)
    assert limiter.configure(replace(account, call_limit=300)) == Learned(300, 300, 8)
    assert limiter.ask([str(n) for n in range(40)], holds=0).granted >= 30
    # From a number to a search, which begins where it is told to.
    assert limiter.configure(replace(account, limit_auto=True)) == Learned(60, 0, 9)
    # Another window is another limiter: what was counted in the old one counts otherwise.
    assert limiter.configure(replace(account, window_seconds=10)) is None
    assert limiter.look().rebuild


def test_the_state_of_an_earlier_version_is_no_memory_but_its_calls_are(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(6))
    run_id = on_a_clock.info("server")["run_id"]
    on_a_clock.hset(limiter._keys[0], mapping={"server": run_id, "epoch": 1, "belief": 6, "due": 0})
    on_a_clock.zadd(limiter._keys[1], {f"old{n}": (START + 50) * SECOND for n in range(6)})
    assert limiter.look().rebuild
    set_clock(on_a_clock, 6)
    assert limiter.rebuild([], 0)
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(43.9)


def test_a_field_that_is_new_is_not_missed_in_the_state_of_another_layout(
    on_a_clock: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Limiter(on_a_clock, _account(6))
    assert ours.rebuild([], 0, first=True)
    assert ours.ask(["a"], holds=0).granted
    script = limiter_module._SCRIPT
    for before, later in (
        ("local LAYOUT = 1", "local LAYOUT = 2"),
        ("s.epoch = now", "s.epoch, s.news = now, 1"),
        ("function verbs.ask()", "function verbs.ask()\n  local _ = is_open() and s.news + 1"),
    ):
        assert script.count(before) == 1
        script = script.replace(before, later)
    monkeypatch.setattr(limiter_module, "_SCRIPT", script)
    next_release = Limiter(on_a_clock, ours.account)
    assert next_release.look().rebuild
    assert next_release.refused("unknown", 1, stated=True) is None
    set_clock(on_a_clock, 6)
    assert next_release.rebuild([], 0)
    assert next_release.ask(["b", "c"], holds=0).granted == 1
    # Side by side for a while: each finds the other's and starts anew, and no permit is forgotten.
    answer = ours.look()
    assert (answer.rebuild, answer.wait) == (True, 6.0)
    assert on_a_clock.zcard(ours._keys[1]) == 2
