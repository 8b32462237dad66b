"""What a worker's calls teach the limiter, and what of it is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from db.account_values import Learned
from jobs.account_pauses import ResetBounds, limited
from jobs.states import State
from tests.sandbox.sandbox_process import SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.one_account import only
from worker.parts import Parts, pause_limiter, remember
from worker.run import run_ticket
from worker.upkeep import _take_over

BRIEF = ResetBounds(guessed=timedelta(seconds=0.5), longest=timedelta(seconds=120))
FAST = {"median": 0.05, "sigma": 0.1}


def test_a_refusal_lowers_the_limit_in_redis_and_in_sql_and_a_flush_forgets_nothing(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    sandbox.change(rpm=3, latency=FAST)
    parts = replace(parts, resets=BRIEF)
    jobs = [submit() for _ in range(4)]
    assert [run_ticket(parts).outcome for _ in jobs] == ["succeeded"] * 3 + ["rate_limited"]
    account = parts.accounts.get(only(parts).id)
    assert account.learned == Learned(3, 6_000, 1)
    assert account.limited_until is not None
    assert parts.jobs.get(jobs[-1].tenant_id, jobs[-1].id).state is State.QUEUED
    answer = only(parts).limiter.ask(["a"], holds=0)
    assert (answer.granted, answer.wait > 30) == (0, True)
    # As after a flush; nothing is in anybody's hand here, so nobody needs to wait.
    parts.redis.delete(*only(parts).limiter._keys[:3])
    remember(parts.accounts, only(parts))
    assert only(parts).limiter.configure(account) == account.learned
    answer = only(parts).limiter.ask(["b"], holds=0)
    assert (answer.granted, answer.wait > 30) == (0, True)


@pytest.mark.parametrize("off", [3_600, -3_600], ids=["ahead", "behind"])
def test_a_pause_that_is_told_by_another_clock_holds_as_long_as_it_lasts(
    parts: Parts, off: float
) -> None:
    there = datetime.now(UTC) + timedelta(seconds=off)
    pause_limiter(only(parts).limiter, limited(there, timedelta(seconds=30)))
    answer = only(parts).limiter.ask(["a"], holds=0)
    assert answer.granted == 0
    assert 25 < answer.wait <= 30


def test_calls_stop_counting_a_window_after_they_arrived(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    sandbox.change(latency={"median": 1.0, "sigma": 0})
    submit()
    assert run_ticket(parts).outcome == "succeeded"
    calls = parts.redis.zrange(only(parts).limiter._keys[1], 0, -1, withscores=True)
    ((_, until),) = cast("list[tuple[bytes, float]]", calls)
    (row,) = sandbox.ledger()
    # The same machine's clock: no earlier, and hardly later, though the answer took a second.
    late = until / 1e6 - 60 - row["received_at"]
    assert -0.01 <= late <= 0.25
    assert parts.redis.zcard(only(parts).limiter._keys[2]) == 0, "it is in flight no more"


def test_ten_failures_open_the_breaker_and_one_success_closes_it(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    broken = {"kind": "status", "status": 500, "error": "Internal"}
    sandbox.faults({"match": {"path": "/v1/ssd-canny"}, "count": None, "effect": broken})
    sandbox.change(latency=FAST)
    for _ in range(10):
        submit({"max_attempts": 1})
        assert run_ticket(parts).outcome == "upstream_error"
    waits = only(parts).limiter.ask(["a"], holds=0)
    assert waits.granted == 0
    assert 20 < waits.wait <= 30
    assert parts.redis.get(only(parts).limiter._keys[4]) == b"circuit_breaker"


def test_what_upkeep_finds_configured_is_taken_over_and_what_is_new_is_kept(parts: Parts) -> None:
    account = parts.accounts.get(only(parts).id)
    _take_over(parts, [account])
    kept = parts.accounts.get(account.id)
    assert kept.learned == Learned(6_000, 6_000, 0)
    _take_over(parts, [replace(kept, call_limit=120)])
    assert parts.accounts.get(account.id).learned == Learned(120, 120, 1)
