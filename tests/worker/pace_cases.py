"""One table of cases for the limiter's model (`jobs/pace.py`) and its script (`limiter.lua`).

A case is a story: what happens at which second, and what is expected of it. Permits are named
a, b, c … in the order in which they are asked for.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ask:
    at: float
    granted: bool
    wait: float | None = None
    """Seconds until it may ask again; None where the case does not care."""


@dataclass(frozen=True)
class Sent:
    permit: str
    after: float


@dataclass(frozen=True)
class GiveBack:
    permit: str


@dataclass(frozen=True)
class Pause:
    at: float
    seconds: float


@dataclass(frozen=True)
class Resume:
    pass


Step = Ask | Sent | GiveBack | Pause | Resume


@dataclass(frozen=True)
class Case:
    name: str
    limit: int
    steps: tuple[Step, ...]


CASES = (
    Case(
        "a small account has no burst: one call, then one an interval",
        6,  # a call in 10 s
        (Ask(0, True), Ask(0, False, 10), Ask(9.999, False, 0.001), Ask(10, True)),
    ),
    Case(
        "a tenth of the window's calls may leave at once after a rest",
        30,  # a call in 2 s, three at once
        (Ask(0, True), Ask(0, True), Ask(0, True), Ask(0, False, 2), Ask(2, True), Ask(2, False)),
    ),
    Case(
        "a rest earns one burst, however long it was",
        30,
        (Ask(0, True), *(Ask(5000, True) for _ in range(3)), Ask(5000, False, 2)),
    ),
    Case(
        "an unused permit gives its turn back",
        6,
        (Ask(0, True), GiveBack("a"), Ask(0, True), GiveBack("a"), Ask(1, False, 9)),
    ),
    Case(
        "a pause holds everything until its end",
        6,
        (Pause(0, 30), Ask(0, False, 30), Ask(29, False, 1), Ask(30, True)),
    ),
    Case(
        "a pause is only made longer",
        6,
        (Pause(0, 30), Pause(1, 5), Ask(10, False, 20)),
    ),
    Case(
        "a pause that is over is over",
        6,
        (Pause(0, 30), Resume(), Ask(1, True)),
    ),
    Case(
        "the window holds even where the pace would not: its calls count until they leave it",
        1,  # one call a minute, and it counts 60 s from when it may last have been sent
        (Ask(0, True), Ask(60, False, 6.25), Ask(66.25, True)),
    ),
    Case(
        "a call counts from when it was sent, and a quarter second more",
        1,
        (Ask(0, True), Sent("a", 0.5), Ask(60, False, 0.75), Ask(60.75, True)),
    ),
    Case(
        "a call that was sent later than allowed counts no shorter",
        1,
        (Ask(0, True), Sent("a", 50), Ask(60, False, 6.25)),
    ),
)
