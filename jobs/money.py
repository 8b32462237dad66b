"""Money: an integer of 10⁻¹⁰ USD, parsed from text, printed as decimal, never a float.

Ten digits, because the credits endpoint answers with as many (`0.0184921035`, segmind-api §5).
"""

from decimal import Decimal, InvalidOperation
from typing import NewType

Money = NewType("Money", int)

DIGITS = 10
_SCALE = Decimal(10) ** DIGITS
_LARGEST = Decimal(2**63 - 1) / _SCALE
ZERO = Money(0)


def parse(text: str) -> Money:
    """Read decimal text in USD, exact to ten digits, rounded half-even below them.

    Raises `ValueError` for what is no finite number or does not fit 64 bits (± 922 million USD).
    """
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is no amount of money") from None
    # Python reads `1_000` and digits of every script as numbers; nobody else does.
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text[:40]!r} is no amount of money")
    if not amount.is_finite() or amount.copy_abs() > _LARGEST:
        raise ValueError(f"{text[:40]!r} is no amount of money that can be kept")
    return Money(int((amount * _SCALE).to_integral_value()))


def text(amount: Money) -> str:
    """USD as plain decimal text without needless zeros: `0.006`, `12`, `-0.5`."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**DIGITS)
    fraction = f"{part:0{DIGITS}d}".rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
