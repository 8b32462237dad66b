from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.times import about, text

NOW = datetime(2026, 5, 1, 12, 0, 0, 400_000, tzinfo=UTC)
AHEAD = st.timedeltas(timedelta(), timedelta(days=20))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "2026-05-01T12:00:01Z"),
        (100.6, "2026-05-01T12:01:41Z"),
        (120, "2026-05-01T12:02:05Z"),
        (601, "2026-05-01T12:10:15Z"),
        (3_600, "2026-05-01T13:01:00Z"),
    ],
)
def test_the_further_the_rounder(seconds: float, told: str) -> None:
    assert about(NOW + timedelta(seconds=seconds), NOW) == told


def test_a_whole_second_stays() -> None:
    whole = NOW.replace(microsecond=0) + timedelta(seconds=3)
    assert about(whole, NOW) == text(whole)
    assert about(None, NOW) is None


@given(sooner=AHEAD, later=AHEAD)
def test_never_too_early_and_never_in_another_order(sooner: timedelta, later: timedelta) -> None:
    sooner, later = sorted((sooner, later))
    first, second = about(NOW + sooner, NOW), about(NOW + later, NOW)
    assert first is not None
    assert second is not None
    assert NOW + sooner <= datetime.fromisoformat(first) <= datetime.fromisoformat(second)
