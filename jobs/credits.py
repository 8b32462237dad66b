"""Readings of an account's balance, and whether it covers one more call."""

from dataclasses import dataclass
from datetime import datetime

from jobs.money import ZERO, Money


@dataclass(frozen=True)
class Reading:
    """A balance that an answer carried: when its call was sent, and when the answer arrived."""

    credits: Money
    sent_at: datetime
    arrived_at: datetime


def newer(known: Reading | None, read: Reading) -> Reading:
    """The reading to believe.

    Answers overtake each other. One whose call was sent after the known one had arrived saw all
    that the known one saw; of two that overlap nobody knows the later, so the lower stands.
    """
    if known is None or read.sent_at > known.arrived_at:
        return read
    return min(known, read, key=lambda reading: reading.credits)


def covers(known: Money | None, committed: Money, price: Money, floor: Money = ZERO) -> bool:
    """Whether a balance pays for `price` beside what running and in-doubt calls may still cost, and
    leaves `floor` (≥ 0).

    An unknown balance covers everything where it may go down to nothing: the provider's own answer
    is the check then. It knows of no other floor, so with one an unknown balance covers nothing.
    """
    if known is None:
        return floor == ZERO
    return known - committed - price >= floor
