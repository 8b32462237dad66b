"""A pass over the history: every row once, an end that is one, and no endless one."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from jobs.failures import FailureKind
from tests.upstream.conftest import Connect, Serve
from tests.upstream.history_server import Asked, HistoryServer, bare, counted, ids, rows
from tests.upstream.loopback import KEY, Says, Wire
from upstream import connections, history, transport
from upstream.history import HistoryUnread
from upstream.segmind import Segmind

FIRST, LAST = date(2026, 8, 1), date(2026, 8, 31)


def read(client: Segmind, model: str | None = None) -> list[str]:
    return [row.request_id for row in client.history(model, FIRST, LAST)]


def unread(client: Segmind) -> str:
    with pytest.raises(HistoryUnread) as failed:
        read(client)
    assert KEY not in repr(failed.value.failure)
    assert str(failed.value) == failed.value.failure.message
    return str(failed.value)


def test_the_question(serve: Serve, connect: Connect) -> None:
    server = serve(HistoryServer([]))
    assert read(connect(server), "ssd canny&x") == []
    (request,) = server.requests
    assert request.line == (
        "GET /inference-request/request-history?page=1&per_page=100&from_date=2026-08-01"
        "&to_date=2026-08-31&model_name=ssd+canny%26x&sort_by=model_created&sort_order=asc HTTP/1.1"
    )
    assert request.headers["x-api-key"] == KEY


def test_nothing_is_asked_before_a_row_is_wanted(serve: Serve, connect: Connect) -> None:
    script = HistoryServer(rows(300))
    one = connect(serve(script)).history(None, FIRST, LAST)
    assert script.asked == []
    assert next(one).request_id == "r0"
    assert [asked.number for asked in script.asked] == [1]


@pytest.mark.parametrize("days", [0, -5, 32, 400])
def test_a_window_has_from_1_to_31_days(days: int, connect: Connect) -> None:
    client = connect("http://127.0.0.1:9")
    with pytest.raises(ValueError, match="from 1 to 31"):
        client.history(None, FIRST, FIRST + timedelta(days=days - 1))
    client.history(None, FIRST, FIRST)
    client.history(None, FIRST, FIRST + timedelta(days=30))


@pytest.mark.parametrize(
    ("envelope", "count", "pages"),
    [
        (bare, 0, 1),
        (bare, 99, 2),
        (bare, 100, 2),
        (bare, 250, 4),
        (counted, 0, 1),
        (counted, 99, 1),
        (counted, 100, 2),  # a full page may be followed by another
        (counted, 250, 3),
        (lambda page, asked, total: {"total_pages": 1, "data": page}, 250, 4),
        (lambda page, asked, total: {"total_pages": asked.number, "data": page}, 250, 3),
        (lambda page, asked, total: {"total_pages": 0, "total": 0, "data": page}, 250, 4),
        (lambda page, asked, total: {"last_page": 9, "data": page}, 250, 4),
        (lambda page, asked, total: {"data": {"rows": page, "total_pages": 3}}, 250, 3),
        (lambda page, asked, total: {"data": page, "meta": {"total_pages": 3}}, 250, 3),
        (lambda page, asked, total: {"pages": "3", "total": "no", "data": page}, 250, 3),
        (lambda page, asked, total: {"pages": -1, "total": None, "data": page}, 250, 4),
    ],
)
def test_a_pass_ends_where_the_rows_do(
    envelope: Callable[[list[Any], Asked, int], Any],
    count: int,
    pages: int,
    serve: Serve,
    connect: Connect,
) -> None:
    script = HistoryServer(rows(count), envelope)
    assert read(connect(serve(script))) == ids(count)
    assert [asked.number for asked in script.asked] == list(range(1, pages + 1))


@pytest.mark.parametrize("envelope", [bare, counted])
def test_a_page_that_is_smaller_than_asked_for_is_not_the_end(
    envelope: Callable[..., Any], serve: Serve, connect: Connect
) -> None:
    script = HistoryServer(rows(120), envelope, serves=lambda asked: (asked.number, 20))
    assert read(connect(serve(script))) == ids(120)


def test_rows_of_other_models_are_dropped(serve: Serve, connect: Connect) -> None:
    names = ["ssd-canny", "ssd-canny-2", "SSD-Canny", "ssd", None, 5]
    script = HistoryServer(
        [{"request_id": f"r{n}", "model_name": name} for n, name in enumerate(names)]
    )
    client = connect(serve(script))
    one = client.history("ssd-canny", FIRST, LAST)
    assert [row.request_id for row in one] == ["r0"]
    assert one.skipped == 1, "a row whose model cannot be read may be one of these"
    assert read(client) == ids(6)


def test_rows_that_nobody_can_know_are_skipped_and_counted(serve: Serve, connect: Connect) -> None:
    odd: list[Any] = [{}, None, "r9", 5, [], {"request_id": None}, {"request_id": ""}]
    script = HistoryServer([*odd, *rows(2)])
    one = connect(serve(script)).history(None, FIRST, LAST)
    assert [row.request_id for row in one] == ["r0", "r1"]
    assert one.skipped == len(odd)


@pytest.mark.parametrize(
    "serves",
    [
        lambda asked: (1, asked.size),  # the page is ignored
        lambda asked: (min(asked.number, 3), asked.size),  # the last page stands for all after it
        lambda asked: ((asked.number - 1) % 3 + 1, asked.size),  # round and round
    ],
)
def test_a_history_that_repeats_itself_is_unread(
    serves: Callable[[Asked], tuple[int, int]], serve: Serve, connect: Connect
) -> None:
    script = HistoryServer(rows(300), serves=serves)
    assert "the same rows come again" in unread(connect(serve(script)))
    assert len(script.asked) <= 4


def test_a_history_without_end_is_given_up(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_PAGES", 7)
    script = HistoryServer(rows(1_000))
    assert "more than 7 pages" in unread(connect(serve(script)))
    assert len(script.asked) == 7


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no rows in it"),
        (b"null", "no rows in it"),
        (b"5", "no rows in it"),
        (b"{}", "no rows in it"),
        (b'{"message": "soon"}', "no rows in it: soon"),
        (b'{"data": null}', "no rows in it"),
        (b'{"data": null, "warnings": []}', "no rows in it"),
        (b'{"a": [{}], "b": [{}]}', "no rows in it"),
        (b'{"data": [], "error": "timed out"}', "an error in it: timed out"),
        (b'{"data": [], "success": false}', "an error in it"),
        (b"[" * 100_000, "nested too deep"),
        (b"<html>Maintenance</html>", "Maintenance"),
        (b'[{"request_id": "r0"}', "Expecting"),
    ],
)
def test_what_is_no_page_is_no_end(body: bytes, words: str, serve: Serve, connect: Connect) -> None:
    message = unread(connect(serve(Says(200, body, {}))))
    assert message.startswith("the request history cannot be read; ")
    if body:
        assert words in message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.UNAUTHORIZED),
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.UPSTREAM_ERROR),
        (504, FailureKind.GATEWAY_ERROR),
    ],
)
def test_an_error_on_a_later_page_makes_the_pass_unread(
    status: int,
    kind: FailureKind,
    serve: Serve,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusal = Says(status, b'{"error": "no"}', {})

    def script(wire: Wire) -> None:
        (HistoryServer(rows(100)) if server.connections == 1 else refusal)(wire)

    server = serve(script)
    one = connect(server).history(None, FIRST, LAST)
    assert [next(one).request_id for _ in range(100)] == ids(100)
    monkeypatch.setattr(connections, "IDLE_LIMIT", -1.0)
    with pytest.raises(HistoryUnread) as failed:
        next(one)
    assert (failed.value.failure.kind, failed.value.failure.message) == (kind, "no")


def test_half_a_page_is_lost(serve: Serve, connect: Connect) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n[]")

    with pytest.raises(HistoryUnread) as failed:
        read(connect(serve(script)))
    assert failed.value.failure.kind is FailureKind.CONNECTION_LOST


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(transport, "LARGEST_BODY", 100_000)
    return 100_000


def padded(count: int, sizes: dict[int, int]) -> list[dict[str, Any]]:
    found = rows(count)
    for at, size in sizes.items():
        found[at]["request_body"] = {"image": "x" * size}
    return found


@pytest.mark.parametrize("envelope", [bare, counted])
@pytest.mark.parametrize(
    "sizes",
    [
        dict.fromkeys(range(330), 1_500),  # 50 rows fit
        dict.fromkeys(range(120, 200), 9_000),  # 5 rows fit, in the midst
        {329: 90_000, 328: 90_000},  # one row fits, at the end
        {0: 90_000, 1: 90_000, 150: 99_000, 151: 2_000},
        dict.fromkeys(range(0, 330, 13), 80000),
    ],
)
def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(
    envelope: Callable[..., Any],
    sizes: dict[int, int],
    bound: int,
    serve: Serve,
    connect: Connect,
) -> None:
    script = HistoryServer(padded(330, sizes), envelope)
    assert read(connect(serve(script))) == ids(330)
    assert min(asked.size for asked in script.asked) < 100


def test_pages_grow_again_behind_the_large_rows(bound: int, serve: Serve, connect: Connect) -> None:
    script = HistoryServer(padded(1_000, {0: 90_000, 1: 90_000}))
    assert read(connect(serve(script))) == ids(1_000)
    assert [asked.size for asked in script.asked][:5] == [100, 50, 25, 5, 1]
    assert script.asked[-1].size == 100
    assert len(script.asked) < 40


def test_a_page_of_too_many_values_is_asked_for_in_smaller_ones(
    serve: Serve, connect: Connect
) -> None:
    script = HistoryServer(rows(30, request_body={"mask": [0] * 100_000}))
    assert read(connect(serve(script))) == ids(30)
    assert [asked.size for asked in script.asked][:6] == [100, 50, 25, 5, 5, 5]


def test_a_row_that_is_too_large_makes_the_pass_unread(
    bound: int, serve: Serve, connect: Connect
) -> None:
    script = HistoryServer(padded(30, {12: 200_000}))
    assert "a single row is too large" in unread(connect(serve(script)))


@pytest.mark.parametrize("real", [10, 100])
@pytest.mark.parametrize("large", [0, 15, 120, 228])
@pytest.mark.parametrize("count", [230, 260, 300])
def test_a_server_that_keeps_its_size_of_a_page_hides_no_row(
    real: int, large: int, count: int, bound: int, serve: Serve, connect: Connect
) -> None:
    """Then a page's number means another place than was meant."""
    script = HistoryServer(
        padded(count, {large: 90_000, large + 1: 90_000}),
        serves=lambda asked: (asked.number, real),
    )
    assert unread(connect(serve(script)))
