from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.budgets import (
    BEGINNING,
    Budget,
    Period,
    Share,
    crossed,
    end_of,
    of_call,
    of_job,
    start_of,
)
from jobs.money import Money
from jobs.states import FINAL, WAITING, State


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2990, 1, 1)))  # noqa: DTZ001
def test_every_moment_lies_in_one_period_of_each_kind(moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    for period in (Period.DAY, Period.MONTH):
        start = start_of(period, now)
        end = end_of(period, start)
        assert end is not None
        assert datetime(start.year, start.month, start.day, tzinfo=UTC) <= now < end
        assert start_of(period, end - timedelta(microseconds=1)) == start
        assert start_of(period, end) == end.date()


def test_a_day_is_a_day_in_utc() -> None:
    late = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert start_of(Period.DAY, late) == date(2025, 12, 31)
    assert start_of(Period.MONTH, late) == date(2025, 12, 1)
    assert start_of(Period.TOTAL, late) == BEGINNING
    assert end_of(Period.TOTAL, BEGINNING) is None


@pytest.mark.parametrize("state", State)
def test_a_job_holds_its_next_call_while_it_waits_and_is_covered(state: State) -> None:
    assert of_job(state, "forbidden", 7) == of_job(state, None, 7)
    assert of_job(state, None, 7) == Share(7 if state in WAITING else 0)
    assert of_job(state, "budget", 7) == Share()
    assert state not in FINAL or of_job(state, None, 7) == Share()


def test_a_call_holds_its_estimate_until_it_ends_and_then_what_it_cost() -> None:
    assert of_call(ended=False, estimate=7, cost=5) == Share(reserved=7)
    assert of_call(ended=True, estimate=7, cost=5) == Share(spent=5)
    assert of_call(ended=True, estimate=7, cost=None) == Share()


def test_what_is_left_and_what_is_too_much() -> None:
    budget = Budget(Period.DAY, BEGINNING, Money(10), Share(4, 5))
    assert (budget.left, budget.overshoot) == (1, 0)
    assert budget.admits(1)
    assert not budget.admits(2)
    over = Budget(Period.DAY, BEGINNING, Money(10), Share(4, 8))
    assert (over.left, over.overshoot) == (-2, 2)
    assert not over.admits(0)


@pytest.mark.parametrize(
    ("used", "highest"), [(0, 0), (49, 0), (50, 50), (79, 50), (80, 80), (100, 100), (300, 100)]
)
def test_alerts_are_crossed_when_they_are_reached(used: int, highest: int) -> None:
    assert crossed((50, 80, 100), 100, used) == highest
    assert crossed((), 100, used) == 0


def test_of_a_budget_of_nothing_every_alert_is_crossed_by_the_first_cent() -> None:
    assert crossed((50, 100), 0, 0) == 0
    assert crossed((50, 100), 0, 1) == 100
