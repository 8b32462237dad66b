"""The reset of a rate limit on our clock: every format that may come, whatever the provider's clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import Connect, Serve, generate
from tests.upstream.loopback import Says, Wire, answer

AHEAD = timedelta(seconds=45)
CLOSE = timedelta(seconds=3)
"""`Date` and most formats count whole seconds, and clocks that agree to two are left alone."""

Format = Callable[[datetime], str]
FORMATS: dict[str, Format] = {
    "iso-zone": lambda moment: moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    "iso-other-zone": lambda moment: (moment + timedelta(hours=2)).strftime("%FT%T+02:00"),
    "iso-naive": lambda moment: moment.strftime("%FT%T"),
    "epoch-seconds": lambda moment: str(int(moment.timestamp())),
    "epoch-milliseconds": lambda moment: str(int(moment.timestamp() * 1000)),
    "http-date": lambda moment: format_datetime(moment, usegmt=True),
}
BODIES = {
    "html": ("text/html", b"<html><h1>429</h1>Too Many Requests</html>", "429 Too Many Requests"),
    "empty": ("text/html", b"", "the rate limit is reached"),
    "json": ("application/json", b'{"error": "slow down"}', "slow down"),
    "json-unlabelled": ("", b'{"error": "slow down"}', "slow down"),
    "cut-json": ("application/json", b'{"error": ', '{"error":'),
}


def limited(
    serve: Serve, connect: Connect, body: str, headers: Callable[[], dict[str, str]]
) -> tuple[Failure, datetime]:
    """The failure, and when the answer was written."""
    content_type, data, words = BODIES[body]
    written: list[datetime] = []

    def script(wire: Wire) -> None:
        while wire.request() is not None:
            written.append(datetime.now(UTC))
            wire.send(answer(429, data, {"Content-Type": content_type, **headers()}))

    reply = generate(connect(serve(script)))
    assert isinstance(reply.result, Failure)
    assert (reply.result.kind, reply.result.message) == (FailureKind.RATE_LIMITED, words)
    return reply.result, written[0]


@pytest.mark.parametrize("body", ["html", "empty", "json"])
@pytest.mark.parametrize("hours", [-1, 0, 1])
@pytest.mark.parametrize("form", FORMATS)
def test_a_reset_is_put_on_our_clock(
    form: str, hours: int, body: str, serve: Serve, connect: Connect
) -> None:
    def headers() -> dict[str, str]:
        theirs = datetime.now(UTC) + timedelta(hours=hours)
        return {
            "Date": format_datetime(theirs, usegmt=True),
            "X-Rate-Limit-Reset-At-UTC": FORMATS[form](theirs + AHEAD),
        }

    failure, written = limited(serve, connect, body, headers)
    assert failure.resets_at is not None
    assert failure.resets_at.tzinfo is not None
    assert abs(failure.resets_at - (written + AHEAD)) < CLOSE


@pytest.mark.parametrize("date", [None, "", "soon", "Tue, 99 Sep 2026 12:30:15 GMT", "0", "-1"])
@pytest.mark.parametrize("form", FORMATS)
def test_without_a_date_that_can_be_read_the_reset_stands_as_told(
    form: str, date: str | None, serve: Serve, connect: Connect
) -> None:
    def headers() -> dict[str, str]:
        told = FORMATS[form](datetime.now(UTC) + AHEAD)
        return {"X-Rate-Limit-Reset-At-UTC": told, **({} if date is None else {"Date": date})}

    failure, written = limited(serve, connect, "json", headers)
    assert failure.resets_at is not None
    assert abs(failure.resets_at - (written + AHEAD)) < CLOSE


@pytest.mark.parametrize("reset", [None, "", "soon", "60", "nan", "2026-13-01T00:00:00Z", "\xff"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("hours", [0, 1])
def test_a_reset_that_is_absent_or_garbage_is_none(
    hours: int, body: str, reset: str | None, serve: Serve, connect: Connect
) -> None:
    def headers() -> dict[str, str]:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
        return {"Date": date, **({} if reset is None else {"X-Rate-Limit-Reset-At-UTC": reset})}

    assert limited(serve, connect, body, headers)[0].resets_at is None


def test_a_reset_beside_another_status_is_not_the_failure_s(serve: Serve, connect: Connect) -> None:
    headers = {"X-Rate-Limit-Reset-At-UTC": "2026-09-01T12:30:15Z"}
    reply = generate(connect(serve(Says(503, b"", headers))))
    assert isinstance(reply.result, Failure)
    assert reply.result.resets_at is None
    assert reply.facts.resets_at is not None


def test_a_wrong_verb_s_page_is_quoted_without_its_markup(serve: Serve, connect: Connect) -> None:
    page = (
        b"<!doctype html>\n<title>405</title>\n<h1>Method Not Allowed</h1>\n<p>The method is off."
    )
    reply = generate(connect(serve(Says(405, page, {"Content-Type": "text/html"}))))
    words = "405 Method Not Allowed The method is off."
    assert reply.result == Failure(FailureKind.BAD_REQUEST_FORM, words, 405)
