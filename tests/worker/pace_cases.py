"""Cases for the limiter's model (`jobs/limiting.py`) and its script (`limiter.lua`): window and pace.

A case is a story: what happens at which second, and what is expected of it. Permits are named
a, b, c … in the order in which they are asked for.
"""

from dataclasses import dataclass
from itertools import pairwise

from jobs.limiting import Ended

LEAD = 0.1


@dataclass(frozen=True)
class Ask:
    at: float
    granted: bool
    wait: float | None = None
    """Seconds until it may ask again; None where the case does not care."""
    opens: float | None = None
    """Seconds until the permit opens."""


@dataclass(frozen=True)
class Answered:
    permit: str
    arrived: float
    ended: Ended = Ended.CLEAN
    at: float | None = None


@dataclass(frozen=True)
class Refused:
    at: float
    permit: str
    pause: float
    stated: bool = True
    belief: int | None = None


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


Step = Ask | Answered | Refused | GiveBack | Pause | Resume


@dataclass(frozen=True)
class Case:
    name: str
    limit: int
    steps: tuple[Step, ...]
    auto: bool = False
    at_once: int = 1_000


def calls(letters: str, at: float, latency: float = 0.0, ended: Ended = Ended.CLEAN) -> list[Step]:
    """One after the other, each answered before the next."""
    steps: list[Step] = []
    for n, letter in enumerate(letters):
        steps.append(Ask(at + n, True))
        steps.append(Answered(letter, 0, ended, at=at + n + latency))
    return steps


def spread(calls: int, left: int) -> list[float]:
    """When so many calls of a window of 60 s leave, the first of them at once, with `left` to come
    after it: what is left is spread until the window frees the next place.
    """
    times = [0.0]
    for n in range(calls - 1):
        times.append(times[-1] + (60 - times[-1]) * 39 / 40 / (left - n + 1))
    return times


PACE_CASES = (
    Case(
        "a small account has no burst: one call, then one an interval",
        6,  # a call in 9.75 s
        (
            Ask(0, True),
            Ask(0, False, 9.75 - LEAD),
            Ask(9.649, False, 0.001),
            Ask(9.65, True, opens=LEAD),
        ),
    ),
    Case(
        "a tenth of the window's calls may leave at once after a rest",
        30,  # three at once, and 27 in the rest of the window
        (
            Ask(0, True, opens=0),
            Ask(0, True, opens=0),
            Ask(0, True, opens=0),
            Ask(0, False, 58.5 / 28 - LEAD),
            Ask(2.1, True, opens=0),
            Ask(2.1, False),
        ),
    ),
    Case(
        "no silence follows a burst: the rest of the window is spread",
        20,  # two at once
        (
            Ask(0, True),
            *(
                step
                for at, following in pairwise(spread(5, 18))
                for step in (Ask(at, True), Ask(at, False, following - at - LEAD))
            ),
        ),
    ),
    Case(
        "a rest earns one burst, however long it was",
        30,
        (Ask(0, True), *(Ask(5000, True) for _ in range(3)), Ask(5000, False, 58.5 / 28 - LEAD)),
    ),
    Case(
        "an unused permit gives its turn back",
        6,
        (Ask(0, True), GiveBack("a"), Ask(0, True), GiveBack("b"), Ask(1, True), Ask(1, False)),
    ),
    Case(
        "a pause holds everything until its end, and no permit is given ahead of it",
        6,
        (Pause(0, 30), Ask(0, False, 30), Ask(29.95, False, 0.05), Ask(30, True, opens=0)),
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
        (Ask(0, True), Ask(60, False, 6.25 - LEAD), Ask(66.25, True, opens=0)),
    ),
    Case(
        "what the window held back is no rest: it earns no burst",
        20,  # a call in 2.925 s, two at once
        (
            Ask(0, True),
            *(Ask(at, True) for at in spread(19, 18)),
            *(Answered(name, 0) for name in "abcdefghijklmnopqrst"),
            Ask(59, False, 1 - LEAD),
            Ask(59.95, True, opens=0.05),
            Ask(59.95, False, 0.05 + 2.925 - LEAD),
        ),
    ),
    Case(
        "a call counts from when it reached the provider's counter, exactly",
        1,
        (
            Ask(0, True),
            Answered("a", 0.5),
            Ask(60, False, 0.5 - LEAD),
            Ask(60.45, True, opens=0.05),
        ),
    ),
    Case(
        "a call that is said to have arrived later than it could counts no shorter",
        1,
        (Ask(0, True), Answered("a", 50), Ask(60, False, 6.25 - LEAD)),
    ),
    Case(
        "what is told twice counts once",
        1,
        (Ask(0, True), Answered("a", 1), Answered("a", 1), Ask(60, False, 1 - LEAD)),
    ),
    Case(
        "a refused call is no call: the limit is what was accepted, and one goes first after it",
        30,
        (
            *(Ask(0, True) for _ in range(3)),
            *(Answered(name, 0) for name in "abc"),
            *(Ask(2.11 * n, True) for n in range(1, 19)),
            *(Answered(name, 0) for name in "defghijklmnopqrst"),
            Refused(38, "u", 22, belief=20),
            Ask(38, False, 22),
            Ask(60, True, opens=0),
            Ask(60, False, 2.925 - LEAD),  # the pace of 20 a minute, without a burst
            Ask(61, False),
            Ask(63, True),
        ),
    ),
    Case(
        "far below belief it is tried again from below, not believed for good",
        60,
        (
            *(Ask(0, True) for _ in range(4)),
            Answered("a", 0),
            Answered("b", 0),
            Refused(0.1, "c", 59.9, belief=3),
            Refused(0.1, "d", 59.9, belief=2),
            Ask(60, True),
            Ask(61, False),
        ),
    ),
    Case(
        "a refusal without a reset pauses for what is guessed, unless it was to be expected",
        60,
        (
            Ask(0, True),
            Answered("a", 0),
            Ask(1, True),
            Refused(1, "b", 30, stated=False, belief=1),
            Ask(1, False, 30),
        ),
    ),
    Case(
        "a reset that lies further ahead than a window pauses until then, and tells no more",
        60,
        (
            *calls("abcdefghij", 0),
            Ask(10, True),
            Refused(10, "k", 100, belief=10),
            Ask(10, False, 100),
            Ask(109, False, 1),
            Ask(110, True),
        ),
    ),
    Case(
        "a search does not burst, and ends with what was accepted",
        60,
        (
            *calls("abcdefgh", 0),
            Ask(7.5, False, 0.375),  # from the next call on at twice the rate
            Ask(8, True, opens=0),
            Answered("i", 0),
            Ask(8.4, True, opens=0.0875),
            Refused(8.6, "j", 0.5, belief=9),
            Ask(8.6, False, 0.5),
        ),
        auto=True,
    ),
    Case(
        "who asks late in a search makes a quarter of a second good",
        975,
        (
            *(Ask(0, True, opens=0) for _ in range(4)),
            # An interval is 0.06 s.
            Ask(0, True, opens=0.06),
            Ask(0, False, 0.12 - LEAD),
            *(Ask(1, True, opens=0) for _ in range(4)),
            Ask(1, True, opens=0.06),
            Ask(1, False, 0.12 - LEAD),
        ),
        auto=True,
    ),
    Case(
        "a search is not led on by permits that were given back",
        60,
        (
            *(step for n, name in enumerate("abcdefgh") for step in (Ask(n, True), GiveBack(name))),
            Ask(7.5, True),
            Ask(7.5, False, 0.875),  # at the rate as it was
        ),
        auto=True,
    ),
)
