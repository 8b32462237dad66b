from datetime import UTC, datetime, timedelta

import pytest

from jobs.account_pauses import GUESSED_RESET, LONGEST_RESET, Pause, PauseReason, after
from jobs.failures import REACTIONS, Failure, FailureKind, Reaction

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _limited(resets_in: float | None) -> Pause | None:
    resets = None if resets_in is None else NOW + timedelta(seconds=resets_in)
    return after(Failure(FailureKind.RATE_LIMITED, "slow", resets_at=resets), NOW)


@pytest.mark.parametrize(
    ("resets_in", "paused_for"),
    [
        (17.5, timedelta(seconds=17.5)),
        (None, GUESSED_RESET),
        (0, GUESSED_RESET),
        (-3600, GUESSED_RESET),
        (120, LONGEST_RESET),
        (86_400 * 365, LONGEST_RESET),
    ],
)
def test_a_rate_limit_pauses_until_its_reset_within_bounds(
    resets_in: float | None, paused_for: timedelta
) -> None:
    assert _limited(resets_in) == Pause(PauseReason.RATE_LIMIT, NOW + paused_for)


def test_exactly_what_keeps_the_job_pauses_the_account() -> None:
    for kind, reaction in REACTIONS.items():
        pause = after(Failure(kind, "why"), NOW)
        assert (pause is not None) == (reaction is Reaction.KEEP), kind


def test_what_only_someone_else_can_end_has_no_end_of_its_own() -> None:
    for kind in (FailureKind.UNAUTHORIZED, FailureKind.INSUFFICIENT_CREDITS):
        pause = after(Failure(kind, "why"), NOW)
        assert pause is not None
        assert pause.until is None
