import pytest

from jobs import seeds


def _middle(low: int, high: int) -> int:
    return (low + high) // 2


@pytest.mark.parametrize("asked", [0, 7, 999_999_999_999_999])
def test_the_callers_seed_stays(asked: int) -> None:
    assert seeds.for_attempt(asked, _middle) == asked


@pytest.mark.parametrize("asked", [-1, None])
def test_without_one_we_choose_within_bounds(asked: object) -> None:
    assert seeds.for_attempt(asked, _middle) == 499_999_999_999_999
    assert seeds.for_attempt(asked, lambda low, _: low) == 0
    assert seeds.for_attempt(asked, lambda _, high: high) == seeds.LARGEST == 999_999_999_999_999
