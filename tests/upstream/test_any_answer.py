"""Whatever an exchange brings, there is exactly one meaning and no error."""

import base64
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from jobs.failures import Failure, FailureKind
from tests.upstream.loopback import KEY
from tests.upstream.pictures import jpeg, picture
from upstream import interpretation
from upstream.key import Key
from upstream.replies import Balance, Image
from upstream.transport import Answer, Exchange

NOW = datetime(2026, 9, 1, tzinfo=UTC)
IMAGE64 = base64.b64encode(jpeg())

values = st.one_of(
    st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=40),
    st.sampled_from(["0.006", "-1", "1e9999999", "nan", "1788260415", "2026-09-01T12:00:00", KEY]),
)
types = st.sampled_from(
    [
        "image/jpeg",
        "image/*",
        "application/json",
        "multipart/mixed; boundary=b",
        "text/html",
        "",
        ";",
    ]
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.one_of(types, values),
        "X-Request-Id": values,
        "X-Cost": values,
        "X-Remaining-Credits": values,
        "X-Seed-Value": values,
        "X-Generation-Time": values,
        "X-Rate-Limit-Reset-At-UTC": values,
        "Date": values,
    },
).map(CaseInsensitiveDict[str])
bodies = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            jpeg(),
            picture("PNG"),
            jpeg()[:300],
            b'{"image": "' + IMAGE64 + b'"}',
            b'{"image": ["' + IMAGE64 + b'", 5]}',
            b'{"error": "Insufficient credits for ' + KEY.encode() + b'"}',
            b'{"credits": 1.5, "free-credits": 0}',
            b"--b\r\nContent-Type: image/png\r\n\r\n" + picture("PNG") + b"\r\n--b--",
            b"--b\r\nContent-Type: \xff;;=\r\nx\r\n--b--",
            b"<html>" + b"<" * 500,
        ]
    ),
    st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: repr(v).encode()),
)
answers = st.builds(
    Answer,
    status=st.integers(100, 999) | st.sampled_from([200, 406, 429, 500]),
    headers=headers,
    body=bodies,
    trouble=st.sampled_from(["", "", "the body broke off"]),
    too_large=st.booleans(),
    framed=st.booleans(),
)
exchanges = st.builds(
    Exchange,
    answer=st.none() | answers,
    trouble=st.text(max_size=50) | st.just(f"unexpected {KEY}"),
    sent_at=st.none() | st.just(NOW),
    sent_monotonic=st.just(1.0),
    arrived_at=st.just(NOW),
)


@settings(max_examples=200, deadline=None)
@given(exchanges)
def test_every_exchange_has_one_meaning(exchange: Exchange) -> None:
    key = Key(KEY)
    reply = interpretation.reply(exchange, key)
    if isinstance(reply.result, Failure):
        assert reply.result.kind in FailureKind
        assert len(reply.result.message) <= 300
        assert reply.result.message.isprintable()
    else:
        assert reply.result
        assert all(isinstance(image, Image) for image in reply.result)
    balance = interpretation.balance(exchange, key)
    assert isinstance(balance, Balance | Failure)
    assert KEY not in repr(reply) + repr(balance)
