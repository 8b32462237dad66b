"""US dollars as exact decimals. A float never enters a sum: 0.006 has no exact float."""

import re
from decimal import Decimal

MOST = Decimal(1_000_000_000)
_SHAPE = re.compile(r"[0-9]{1,10}(\.[0-9]{1,10})?")


def amount_of(sent: object) -> Decimal:
    """Dollars from decimal text or a JSON number: 0 to a billion, at most 10 decimal places.

    Raises ValueError for anything else.
    """
    if isinstance(sent, int | float) and not isinstance(sent, bool):
        # By way of text: Decimal(0.1) would carry the float's error along, Decimal("0.1") not.
        sent = text_of(Decimal(str(sent)))
    if not isinstance(sent, str) or not _SHAPE.fullmatch(sent) or Decimal(sent) > MOST:
        raise ValueError(f"must be 0 to {MOST}, with at most 10 decimal places")
    return Decimal(sent)


def text_of(amount: Decimal) -> str:
    """Plain decimal text, never with an exponent; valid as a JSON number as well."""
    return format(amount, "f")
