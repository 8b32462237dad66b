"""Whatever JSON or bytes come for v2, the history or an output: one meaning, bounded, no error."""

import json
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from jobs.failures import Failure
from tests.upstream.loopback import KEY
from tests.upstream.pictures import jpeg
from upstream import downloads, history, records
from upstream.endpoints import Endpoints
from upstream.history import HistoryPass, HistoryUnread
from upstream.key import Key
from upstream.replies import HistoryRow, Image, Record, RequestState
from upstream.transport import Answer, Exchange

NOW = datetime(2026, 9, 1, tzinfo=UTC)
FIELDS = st.sampled_from(
    [
        "status",
        "request_id",
        "output",
        "images",
        "url",
        "metrics",
        "cost",
        "remaining_credits",
        "inference_time",
        "error",
        "message",
        "seed",
        "data",
        "rows",
        "results",
        "total",
        "total_pages",
        "pages",
        "model_name",
        "model_status",
        "request_body",
        "credits_deduction",
        "generation_url",
        "model_created",
        "created_at",
    ]
)
words = st.sampled_from(
    ["COMPLETED", "FAILED", "QUEUED", "r0", "ssd-canny", "https://a.example/1", KEY, "1e9999999"]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    words,
    st.text(st.characters(exclude_categories=()), max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.dictionaries(FIELDS, inner, max_size=6) | st.lists(inner, max_size=4),
    max_leaves=20,
)
bodies = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(FIELDS, values, max_size=6).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
    st.sampled_from([jpeg(), b"[" * 5_000, b'{"a":' * 5_000, b'{"data": [' + b"9" * 5_000 + b"]}"]),
)
answers = st.builds(
    Answer,
    status=st.sampled_from([200, 200, 200, 404, 422, 429, 500]) | st.integers(100, 999),
    headers=st.just(CaseInsensitiveDict[str]({"X-Request-Id": KEY})),
    body=bodies,
    trouble=st.sampled_from(["", "", "", f"broke off {KEY}"]),
    too_large=st.sampled_from([False, False, False, True]),
    framed=st.booleans(),
)
exchanges = st.builds(
    Exchange,
    answer=st.none() | answers,
    trouble=st.just(f"unexpected {KEY}"),
    sent_at=st.just(NOW) | st.none(),
    sent_monotonic=st.just(1.0),
    arrived_at=st.just(NOW),
)


def sound(failure: Failure) -> None:
    assert failure.message
    assert failure.message.isprintable()
    assert len(failure.message) <= 400
    assert KEY not in failure.message


@settings(max_examples=3_000, deadline=None)
@given(exchanges, st.booleans())
def test_every_exchange_of_v2_has_one_meaning(exchange: Exchange, whole: bool) -> None:
    submission = records.submission(exchange, Key(KEY))
    if isinstance(submission.result, Failure):
        sound(submission.result)
    else:
        assert exchange.answer is not None
        assert exchange.answer.status // 100 == 2
        assert submission.result == submission.facts.request_id
        assert submission.result.isprintable()
    record = records.record(exchange, Key(KEY), whole=whole)
    assert KEY not in repr(submission) + repr(record)
    if isinstance(record, Failure):
        sound(record)
        return
    assert isinstance(record, Record)
    assert (record.failure is not None) == (record.state is RequestState.FAILED)
    if record.failure is not None:
        sound(record.failure)
    assert not record.outputs or (whole and record.state is RequestState.COMPLETED)
    assert all(url.lower().startswith("http") for url in record.outputs)


@settings(max_examples=1_000, deadline=None)
@given(exchanges)
def test_every_download_has_one_meaning(exchange: Exchange) -> None:
    found = downloads.image(exchange, Key(KEY))
    assert isinstance(found, Image | Failure)
    if isinstance(found, Failure):
        sound(found)


@settings(max_examples=3_000, deadline=None)
@given(st.text(max_size=30) | st.builds("{}://{}".format, st.just("https"), st.text(max_size=20)))
def test_every_text_is_an_allowed_address_or_none(text: str) -> None:
    asked = downloads.address(text, Endpoints.from_base_url(None), Key(KEY))
    if isinstance(asked, Failure):
        sound(asked)
    else:
        assert asked.startswith(("https://images.segmind.com/", "http://images.segmind.com/"))


@settings(max_examples=2_000, deadline=None)
@given(st.lists(exchanges, min_size=1, max_size=4), st.sampled_from([None, "ssd-canny"]))
def test_every_history_ends(told: list[Exchange], model: str | None) -> None:
    asked: list[Any] = []

    def ask(query: Any) -> Exchange:
        asked.append(query)
        return told[(len(asked) - 1) % len(told)]

    one = HistoryPass(ask, Key(KEY), model, date(2026, 8, 1), date(2026, 8, 31))
    try:
        for row in one:
            assert isinstance(row, HistoryRow)
            assert KEY not in row.request_id + row.model + row.error + (row.output or "")
            assert row.model == (model or row.model)
    except HistoryUnread as unread:
        sound(unread.failure)
    assert len(asked) <= 20
    single = history.one(told[0], Key(KEY), "r0")
    assert single is None or isinstance(single, HistoryRow | Failure)
