"""What jobs would cost and when they would run, as a frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """Of jobs that were not submitted. Money is in USD, exact; times are RFC 3339.

    `price` is of all, at the most; `prices` of each that was given. `left` is the balance, and
    `suffices` whether it covers the jobs and what is queued before them; None: not known. So are
    `estimated_start` (of the first) and `estimated_end` (of the last); `note` says why then.
    """

    jobs: int
    price: Decimal
    prices: tuple[Decimal, ...]
    calls_per_minute: float
    left: Decimal | None
    suffices: bool | None
    estimated_start: str | None
    estimated_end: str | None
    note: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)


def estimate_from(body: Mapping[str, Any]) -> Estimate:
    """Raises KeyError, TypeError, ValueError or ArithmeticError where the answer is no estimate."""
    balance = body["balance"]
    return Estimate(
        jobs=int(body["jobs"]),
        price=Decimal(body["price"]),
        prices=tuple(Decimal(one) for one in body["prices"]),
        calls_per_minute=float(body["calls_per_minute"]),
        left=None if balance["left"] is None else Decimal(balance["left"]),
        suffices=balance["suffices"],
        estimated_start=body["estimated_start"],
        estimated_end=body["estimated_end"],
        note=body["note"],
        raw=body,
    )
