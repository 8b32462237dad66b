from datetime import UTC, datetime

import pytest

from upstream.timestamps import parse

MOMENT = datetime(2026, 9, 1, 12, 30, 15, tzinfo=UTC)
EPOCH = int(MOMENT.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-01T12:30:15Z",
        "2026-09-01T12:30:15+00:00",
        "2026-09-01T14:30:15+02:00",
        "2026-09-01T12:30:15.000Z",
        "2026-09-01T12:30:15",
        "2026-09-01 12:30:15",
        "2026-09-01 12:30:15 UTC",
        " 2026-09-01T12:30:15Z ",
        str(EPOCH),
        f"{EPOCH}.0",
        str(EPOCH * 1000),
        "Tue, 01 Sep 2026 12:30:15 GMT",
        "Tue, 01 Sep 2026 14:30:15 +0200",
        "Tue, 01 Sep 2026 12:30:15 -0000",
    ],
)
def test_every_known_format_names_the_same_moment(text: str) -> None:
    assert parse(text) == MOMENT
    assert (parsed := parse(text)) is not None
    assert parsed.tzinfo is UTC


def test_fractions_are_kept() -> None:
    assert parse("2026-09-01T12:30:15.250Z") == MOMENT.replace(microsecond=250_000)
    assert parse(f"{EPOCH}250") == MOMENT.replace(microsecond=250_000)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "60",
        "0",
        "-1",
        "nan",
        "inf",
        "9" * 60,
        "1e300",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-13-01T00:00:00Z",
        "2026-09-01T25:00:00Z",
        "Tue, 99 Sep 2026 12:30:15 GMT",
        "1 2 3",
        "2019-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "2026-09-01T12:30:15Z" + " " * 100,
    ],
)
def test_nonsense_is_none(text: str | None) -> None:
    assert parse(text) is None
