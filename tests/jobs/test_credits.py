from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jobs.credits import Reading, covers, newer
from jobs.money import Money

START = datetime(2026, 1, 1, tzinfo=UTC)


def _reading(balance: int, sent: float, took: float) -> Reading:
    at = START + timedelta(seconds=sent)
    return Reading(Money(balance), at, at + timedelta(seconds=took))


readings = st.builds(_reading, st.integers(0, 50), st.floats(0, 60), st.floats(0, 10))


@given(readings, readings)
def test_of_two_that_overlap_the_lower_stands_whichever_came_first(a: Reading, b: Reading) -> None:
    if a.sent_at <= b.arrived_at and b.sent_at <= a.arrived_at:
        assert newer(a, b).credits == newer(b, a).credits == min(a.credits, b.credits)


@given(readings, readings)
def test_one_that_was_sent_after_the_other_had_arrived_stands(a: Reading, b: Reading) -> None:
    if b.sent_at > a.arrived_at:
        assert newer(a, b) == b


def test_the_first_reading_is_believed() -> None:
    first = _reading(5, 0, 1)
    assert newer(None, first) == first


def test_what_is_committed_is_not_spent_twice() -> None:
    assert covers(Money(10), Money(4), Money(6))
    assert not covers(Money(10), Money(5), Money(6))
    assert covers(None, Money(5), Money(6))


def test_a_floor_is_left_and_an_unknown_balance_cannot_say_so() -> None:
    assert covers(Money(10), Money(2), Money(5), Money(3))
    assert not covers(Money(10), Money(2), Money(5), Money(4))
    assert not covers(None, Money(0), Money(0), Money(1))
