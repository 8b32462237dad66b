import pytest

from jobs.arrival import LONGEST, LONGEST_TOLD, arrived_within


@pytest.mark.parametrize(
    ("seconds", "generation", "step", "within"),
    [
        (6.0, None, 1.0, LONGEST),  # nobody says when in between
        (0.02, None, 1.0, 0.02),  # a v2 answer: it was counted before it was given
        (6.04, 6.0, 0.001, 0.046),
        (6.04, 6.0, 0.1, 0.145),  # 6.0 may be 5.9
        (6.4, 6.0, 0.001, 0.406),  # a busy machine
        (9.0, 6.0, 0.001, LONGEST_TOLD),  # a provider that had it queued
        (6.0, 7.0, 0.001, LONGEST_TOLD),  # that cannot be: a clock was set
        (-3600.0, None, 1.0, LONGEST),
    ],
)
def test_a_call_arrived_between_its_send_and_the_start_of_its_generation(
    seconds: float, generation: float | None, step: float, within: float
) -> None:
    assert arrived_within(seconds, generation, step) == pytest.approx(within)
