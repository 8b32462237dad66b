"""How long what is kept: as it is written, and what follows for a job that ended at some time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidSetting
from jobs.limits import complaint_of_limit
from jobs.retention import (
    FOR_EVER,
    LEAST,
    LEAST_OF_UPLOADS,
    MOST,
    Keeps,
    keeps_given,
    read_span,
    span_text,
)

ENDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@given(st.integers(1, 3_650 * 24))
def test_what_is_written_is_read_again(hours: int) -> None:
    span = hours * HOUR
    assert read_span(span_text(span), "keep_outputs") == span
    assert read_span(span_text(None), "keep_outputs") is None


@pytest.mark.parametrize(
    "text", ["", "0d", "0h", "1", "d", "-1d", "1.5d", "01d", "1w", "1 d", "\u0661d"]
)
def test_what_is_no_time_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="must be forever, or days or hours such as 30d"):
        read_span(text, "keep_outputs")


@pytest.mark.parametrize(
    ("what", "least", "less"), [("keep_outputs", "1h", "0h"), ("keep_jobs", "2d", "47h")]
)
def test_both_bounds_are_taken_and_what_lies_outside_is_refused(
    what: str, least: str, less: str
) -> None:
    assert read_span(least, what) == LEAST[what]
    assert read_span("3650d", what) == MOST
    for text in (less, "3651d", "87601h"):
        with pytest.raises(ValueError, match=f"from {least} to 3650d"):
            read_span(text, what)
    # As seconds, for whoever sets them without text.
    good = (0, LEAST[what] // timedelta(seconds=1), MOST // timedelta(seconds=1))
    assert [complaint_of_limit(what, one) for one in good] == [None] * 3
    for wrong in (-1, 1, good[1] - 1, good[2] + 1):
        assert complaint_of_limit(what, wrong)


def test_the_environment_says_both_or_nothing() -> None:
    assert keeps_given(None, "") == FOR_EVER
    assert keeps_given("36h", "90d") == Keeps(36 * HOUR, 90 * DAY)
    with pytest.raises(InvalidSetting, match=r"SEGQ_KEEP_OUTPUTS is '1'; it must be forever, or"):
        keeps_given("1", None)
    with pytest.raises(InvalidSetting, match="SEGQ_KEEP_JOBS"):
        keeps_given(None, "1h")


@pytest.mark.parametrize(
    ("keeps", "images", "job"),
    [
        (FOR_EVER, None, None),
        (Keeps(outputs=30 * DAY), ENDED + 30 * DAY, None),
        (Keeps(jobs=90 * DAY), ENDED + 90 * DAY, ENDED + 90 * DAY),
        (Keeps(30 * DAY, 90 * DAY), ENDED + 30 * DAY, ENDED + 90 * DAY),
        # Images go with their job at the latest.
        (Keeps(90 * DAY, 30 * DAY), ENDED + 30 * DAY, ENDED + 30 * DAY),
    ],
)
def test_the_shorter_time_wins_for_the_images(
    keeps: Keeps, images: datetime | None, job: datetime | None
) -> None:
    until = keeps.until(ENDED)
    assert (until.outputs, until.job) == (images, job)


def test_an_upload_is_kept_as_long_as_the_history_may_be_compared_with_it() -> None:
    assert FOR_EVER.uploads is None
    assert Keeps(HOUR, None).uploads == LEAST_OF_UPLOADS
    assert Keeps(None, 90 * DAY).uploads == 90 * DAY
    assert Keeps(30 * DAY, 90 * DAY).uploads == 30 * DAY
    # Longer than a cost is looked for that is only believed, and than any answer is repeated.
    assert LEAST_OF_UPLOADS > LEAST["keep_jobs"] >= 2 * DAY
