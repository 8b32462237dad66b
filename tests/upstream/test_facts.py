from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from jobs import money
from tests.upstream.loopback import KEY
from upstream import facts
from upstream.key import Key
from upstream.replies import Facts


def read(**headers: str) -> Facts:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return facts.read(CaseInsensitiveDict(named), Key(KEY))


def test_every_header_is_read() -> None:
    assert read(
        X_Request_Id="req-1",
        X_Cost="0.0061",
        X_Remaining_Credits="12.0184921035",
        X_Seed_Value="999999999999999",
        X_Generation_Time="5.91",
        X_Rate_Limit_Reset_At_UTC="2026-09-01T12:30:15Z",
        Date="Tue, 01 Sep 2026 12:29:30 GMT",
    ) == Facts(
        request_id="req-1",
        cost=money.parse("0.0061"),
        credits=money.parse("12.0184921035"),
        seed=999999999999999,
        generation_seconds=5.91,
        generation_step=0.01,
        resets_at=datetime(2026, 9, 1, 12, 30, 15, tzinfo=UTC),
        date=datetime(2026, 9, 1, 12, 29, 30, tzinfo=UTC),
    )


def test_absent_headers_are_none() -> None:
    assert read() == Facts()


@pytest.mark.parametrize(
    "value", ["", " ", "free", "nan", "-inf", "1e9999999", "9" * 400, "0x10", "1,5", "\x00"]
)
def test_unreadable_numbers_are_none(value: str) -> None:
    found = read(
        X_Cost=value, X_Remaining_Credits=value, X_Seed_Value=value, X_Generation_Time=value
    )
    assert found == Facts()


def test_a_cost_below_zero_is_none_and_a_balance_below_zero_is_not() -> None:
    assert read(X_Cost="-0.0061").cost is None
    assert read(X_Cost="0").cost == money.ZERO
    assert read(X_Remaining_Credits="-0.5").credits == money.parse("-0.5")


def test_a_request_id_is_short_printable_and_not_the_key() -> None:
    assert read(X_Request_Id="x" * 201) == Facts()
    assert read(X_Request_Id="a\x07b") == Facts()
    assert read(X_Request_Id=f"for-{KEY}").request_id == "for-[key]"
