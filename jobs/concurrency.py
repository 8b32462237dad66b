"""How many calls of one account may be in flight: the specification of `worker/concurrency.lua`.

Additive increase, multiplicative decrease: failures of the provider (5xx, timeouts, lost
connections) halve the limit, at most once a round trip, and clean answers raise it by one for each
full round. A lone failure among clean answers is the call's own, and changes nothing.
"""

from dataclasses import dataclass, field

LOOK_BACK = 20
"""Answers that are looked at."""
FAILING = 3
"""So many failures among them, and too much is in flight."""
HOLDS_WINDOWS = 10
"""Windows for which a cap that was met is not tried again."""


@dataclass
class Flights:
    """The calls in flight, and how many there may be."""

    at_once: int
    clean_answers: int = 0
    cut_at: int = 0
    recent: str = ""
    """The last answers, the newest at the end: 1 for a failure."""
    cap: int = 0
    """Calls in flight at which one was refused; 0: never."""
    cap_until: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    """When each permit's call is over at the latest: a killed worker gives nothing back."""

    def forget(self, now: int) -> None:
        """Drop those that must be over."""
        if any(end <= now for end in self.ends.values()):
            self.ends = {permit: end for permit, end in self.ends.items() if end > now}


def answered(flights: Flights, *, failed: bool, opened: int, most: int, now: int) -> None:
    """A call that opened at that time was answered, or failed by the provider's doing."""
    flights.recent = (flights.recent + str(int(failed)))[-LOOK_BACK:]
    if not failed:
        flights.clean_answers += 1
        if flights.clean_answers >= flights.at_once:
            flights.clean_answers = 0
            allowed = min(most, flights.cap) if now < flights.cap_until else most
            flights.at_once = max(flights.at_once, min(allowed, flights.at_once + 1))
    elif opened >= flights.cut_at and flights.recent.count("1") >= FAILING:
        flights.at_once = max(1, flights.at_once // 2)
        flights.clean_answers, flights.cut_at = 0, now


def tries_more(flights: Flights, now: int) -> bool:
    """Whether more are in flight than a cap that was met, since that is long ago."""
    return 0 < flights.cap <= len(flights.ends) and now >= flights.cap_until


def capped(flights: Flights, most: int, window: int, now: int) -> None:
    """A 429 that the window does not explain: as many as are in flight now were accepted.

    Where none is, it was no limit on calls in flight, nor were those 429s just before it whose calls
    left together with this one: somebody else may use the key.
    """
    if not flights.ends:
        uncapped(flights, most)
        return
    flights.cap = len(flights.ends)
    flights.cap_until = now + HOLDS_WINDOWS * window
    flights.at_once = min(flights.at_once, flights.cap)
    flights.clean_answers = 0


def uncapped(flights: Flights, most: int) -> None:
    """It is no limit on calls in flight."""
    if flights.cap:
        flights.at_once, flights.cap, flights.cap_until = most, 0, 0
