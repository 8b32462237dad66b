import pytest

from jobs.polling import NEAR_EXPIRY, RECORD_LIFE, first_poll, next_poll


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def test_the_first_question_comes_when_a_call_is_usually_nearly_done() -> None:
    assert first_poll(5.93, middle) == pytest.approx(4.744)
    assert first_poll(0.1, middle) == 1
    assert first_poll(600, middle) == 20


@pytest.mark.parametrize(("age", "wait"), [(0, 1), (4, 1), (30, 6), (90, 18), (3_000, 20)])
def test_the_older_a_request_the_later_the_next_question(age: float, wait: float) -> None:
    assert next_poll(age, middle) == pytest.approx(wait)


def test_questions_are_spread_by_a_tenth() -> None:
    assert next_poll(30, lambda low, _: low) == pytest.approx(5.4)
    assert next_poll(30, lambda _, high: high) == pytest.approx(6.6)


def test_a_request_is_asked_about_often_before_its_record_expires() -> None:
    age, questions = first_poll(5.93, middle), 0
    while age < RECORD_LIFE - NEAR_EXPIRY:
        age += next_poll(age, middle)
        questions += 1
    assert questions > 100
