import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import money
from jobs.money import Money


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0.006", 60_000_000),
        ("0.0184921035", 184_921_035),
        ("12", 120_000_000_000),
        ("-0.5", -5_000_000_000),
        ("1e-3", 10_000_000),
        (" 0 ", 0),
        ("0.00000000004", 0),
        ("0.00000000006", 1),
    ],
)
def test_text_is_read_exactly_to_ten_digits(text: str, amount: int) -> None:
    assert money.parse(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "Infinity",
        "-inf",
        "1,5",
        "$1",
        "1_000",
        "\u0661",
        "1e30",
        "1e9999999",
        "-1e999999999",
        "x" * 100,
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount of money"):
        money.parse(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_is_printed_is_read_back(amount: int) -> None:
    printed = money.text(Money(amount))
    assert money.parse(printed) == amount
    assert "e" not in printed.lower()
    assert not ("." in printed and printed.endswith("0"))
