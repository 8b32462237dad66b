from datetime import UTC, datetime, timedelta

import pytest

from jobs.account_pauses import (
    USUAL_RESETS,
    WORDS,
    Pause,
    PauseReason,
    ResetBounds,
    after,
    is_over,
    with_probe_trouble,
)
from jobs.failures import REACTIONS, Failure, FailureKind, Reaction

GUESSED, LONGEST = USUAL_RESETS.guessed, USUAL_RESETS.longest
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _limited(resets_in: float | None) -> Pause:
    resets = None if resets_in is None else NOW + timedelta(seconds=resets_in)
    found = after(Failure(FailureKind.RATE_LIMITED, "slow", resets_at=resets), "m", NOW)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("resets_in", "paused_for"),
    [
        (17.5, timedelta(seconds=17.5)),
        (None, GUESSED),
        (0, timedelta(seconds=0.05)),  # it passed while the answer came
        (-0.2, timedelta(seconds=0.05)),
        (-0.3, GUESSED),
        (-3600, GUESSED),
        (120, LONGEST),
        (86_400 * 365, LONGEST),
    ],
)
def test_a_rate_limit_pauses_until_its_reset_within_bounds(
    resets_in: float | None, paused_for: timedelta
) -> None:
    found = _limited(resets_in)
    assert found == Pause(PauseReason.RATE_LIMIT, NOW + paused_for, said="slow")
    assert found.lasts == paused_for


def test_exactly_what_keeps_the_job_pauses_the_account() -> None:
    for kind, reaction in REACTIONS.items():
        pause = after(Failure(kind, "why"), "m", NOW)
        assert (pause is not None) == (reaction is Reaction.KEEP), kind


def test_what_only_someone_else_can_end_has_no_end_of_its_own() -> None:
    for kind in (
        FailureKind.UNAUTHORIZED,
        FailureKind.FORBIDDEN,
        FailureKind.INSUFFICIENT_CREDITS,
        FailureKind.SPEND_LIMIT,
    ):
        pause = after(Failure(kind, "why"), "m", NOW)
        assert pause is not None
        assert pause.until is None


def test_only_a_forbidden_model_pauses_alone_and_all_say_what_segmind_said() -> None:
    for kind, reaction in REACTIONS.items():
        pause = after(Failure(kind, "why"), "ssd-canny", NOW)
        if reaction is Reaction.KEEP:
            assert pause is not None
            alone = kind is FailureKind.FORBIDDEN
            assert (pause.model, pause.said) == ("ssd-canny" if alone else None, "why")


def test_the_bounds_of_a_reset_are_the_operators() -> None:
    bounds = ResetBounds(guessed=timedelta(seconds=1), longest=timedelta(seconds=5))
    for resets_in, paused_for in ((None, 1), (3, 3), (60, 5)):
        told = None if resets_in is None else NOW + timedelta(seconds=resets_in)
        limited = Failure(FailureKind.RATE_LIMITED, "slow", resets_at=told)
        pause = after(limited, "m", NOW, bounds)
        assert pause is not None
        assert pause.until == NOW + timedelta(seconds=paused_for)


def test_a_refusal_is_over_when_the_account_was_found_good_after_its_claim() -> None:
    later = NOW + timedelta(microseconds=1)
    assert is_over(NOW, later)
    assert not is_over(later, NOW)
    assert not is_over(NOW, NOW)
    assert not is_over(NOW, None)
    assert not is_over(None, NOW)


def test_words_tell_why_a_probe_fails_and_no_more_when_it_does_not() -> None:
    once = with_probe_trouble("no credits", "Bad Gateway (502)")
    assert once == "no credits; the balance cannot be read now: Bad Gateway (502)"
    assert with_probe_trouble(once, "slow") == "no credits; the balance cannot be read now: slow"
    assert with_probe_trouble(once, None) == "no credits"


def test_every_reason_has_words_and_a_forbidden_model_says_how_it_is_resumed() -> None:
    assert set(WORDS) == set(PauseReason)
    assert "segq account resume MODEL" in WORDS[PauseReason.FORBIDDEN]
