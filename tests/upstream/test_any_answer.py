"""Whatever an exchange brings, there is exactly one meaning and no error."""

import base64
import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from jobs.failures import Failure, FailureKind, Reaction
from tests.upstream.loopback import KEY
from tests.upstream.pictures import jpeg, picture
from upstream import interpretation
from upstream.key import Key
from upstream.replies import Balance, Image, Reply
from upstream.transport import Answer, Exchange

NOW = datetime(2026, 9, 1, tzinfo=UTC)
IMAGE64 = base64.b64encode(jpeg())
FIELDS = st.sampled_from(["image", "images", "error", "credits", "free-credits"])

values = st.one_of(
    st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=10),
    st.sampled_from(
        ["0.006", "-1", "-0.5", "1e9999999", "nan", "1788260415", "2026-09-01T12:00:00", KEY]
    ),
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
    st.binary(max_size=40),
    st.sampled_from(
        [
            jpeg(),
            picture("PNG"),
            jpeg()[:300],
            b'{"image": "' + IMAGE64 + b'"}',
            b'{"image": ["' + IMAGE64 + b'", 5]}',
            b'{"images": ["' + IMAGE64 + b'"], "image": {}}',
            b"data:image/jpeg;base64," + IMAGE64,
            b'{"error": "Insufficient credits for ' + KEY.encode() + b'"}',
            b'{"credits": 1.5, "free-credits": 0}',
            b"--b\r\nContent-Type: image/png\r\n\r\n" + picture("PNG") + b"\r\n--b--",
            b"--b\r\nContent-Type: \xff;;=\r\nx\r\n--b--",
            b"<html>" + b"<" * 500,
        ]
    ),
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: st.dictionaries(FIELDS, inner, max_size=2) | st.lists(inner, max_size=2),
        max_leaves=4,
    ).map(lambda value: json.dumps(value).encode()),
)
answers = st.builds(
    Answer,
    status=st.sampled_from([200, 200, 406, 429, 500]) | st.integers(100, 999),
    headers=headers,
    body=bodies,
    trouble=st.sampled_from(["", "", "the body broke off"]),
    too_large=st.booleans(),
    framed=st.booleans(),
)
exchanges = st.builds(
    Exchange,
    answer=st.none() | answers,
    trouble=st.text(max_size=10) | st.just(f"unexpected {KEY}"),
    sent_at=st.none() | st.just(NOW),
    sent_monotonic=st.just(1.0),
    arrived_at=st.just(NOW),
)


@settings(max_examples=5_000, deadline=None)
@given(exchanges)
def test_every_exchange_has_one_meaning(exchange: Exchange) -> None:
    key = Key(KEY)
    reply = interpretation.reply(exchange, key)
    if isinstance(reply.result, Failure):
        sound(reply.result, reply)
    else:
        assert reply.result
        assert all(isinstance(image, Image) for image in reply.result)
        assert reply.form in {"raw", "json", "json-list", "multipart"}
        assert successful(reply)
    assert reply.facts.cost is None or reply.facts.cost >= 0
    balance = interpretation.balance(exchange, key)
    assert isinstance(balance, Balance | Failure)
    assert KEY not in repr(reply) + repr(balance)


def sound(failure: Failure, reply: Reply) -> None:
    """What holds of any failure: of the call's money above all."""
    assert failure.kind in FailureKind
    assert failure.message.isprintable()
    assert len(failure.message) <= 300
    assert failure.status == reply.status
    assert failure.resets_at is None or failure.kind is FailureKind.RATE_LIMITED
    if reply.status is None:
        unsent = reply.sent_at is None
        assert failure.kind is (FailureKind.NOT_SENT if unsent else FailureKind.CONNECTION_LOST)
    elif successful(reply):
        assert failure.kind in {FailureKind.RESULT_REJECTED, FailureKind.CONNECTION_LOST}
    elif reply.status > 500 or reply.status < 200:
        assert failure.reaction is Reaction.DOUBT
    else:
        assert failure.kind is not FailureKind.NOT_SENT


def successful(reply: Reply) -> bool:
    return reply.status is not None and reply.status // 100 == 2
