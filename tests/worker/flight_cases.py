"""More of the limiter's cases (`pace_cases`): calls in flight, failures and the circuit breaker."""

from jobs.limiting import Ended
from tests.worker.pace_cases import Answered, Ask, Case, GiveBack, Refused, calls

FLIGHT_CASES = (
    Case(
        "no more calls are in flight than may be",
        60,
        (
            Ask(0, True),
            Ask(0, True),
            Ask(0, False, 0.1),
            Answered("a", 0),
            Ask(1, True),
            GiveBack("b"),
            Ask(2, True),
            Ask(2, False, 0.1),
            Ask(131, True),  # nobody gave back what those held, whose workers are gone
        ),
        at_once=2,
    ),
    Case(
        "ten failures in a row open the circuit breaker; one call is tried, and closes it",
        60,
        (
            *calls("abcdefghij", 0, ended=Ended.FAILED),
            Ask(10, False, 29),
            Ask(39, True),
            Ask(39, False, 0.1),
            Answered("k", 0, at=40),
            Ask(41, True),
            Ask(41, True),
        ),
    ),
    Case(
        "a probe that fails opens it for twice as long; one that never left is no probe",
        60,
        (
            *calls("abcdefghij", 0, ended=Ended.FAILED),
            Ask(39, True),
            GiveBack("k"),
            Ask(39, True),
            Answered("l", 0, Ended.FAILED, at=40),
            Ask(41, False, 59),
        ),
    ),
    Case(
        "timeouts that come when their calls have left the window halve what may be in flight",
        60,
        (
            *(Ask(n, True) for n in range(4)),
            Ask(120, False, 0.1),
            *(Answered(name, 0, Ended.FAILED, at=121) for name in "abcd"),  # 4 → 2, once
            Ask(122, True),
            Ask(123, True),
            Ask(124, False, 0.1),
        ),
        at_once=4,
    ),
    Case(
        "a call that opened before the last cut halves nothing again, however late it fails",
        60,
        (
            *(Ask(n, True) for n in range(4)),
            Ask(60, True),
            *(Answered(name, 0, Ended.FAILED, at=110) for name in "abcd"),  # 8 → 4
            Ask(127, True),
            GiveBack("f"),
            Answered("e", 0, Ended.FAILED, at=180),
            *(Ask(181 + n, True) for n in range(4)),
            Ask(185, False, 0.1),
        ),
        at_once=8,
    ),
    Case(
        "a probe closes the circuit breaker however long its answer takes",
        60,
        (
            *calls("abcdefghij", 0, ended=Ended.FAILED),
            Ask(39, True),
            Ask(108, False, 0.1),
            Answered("k", 0, at=109),
            Ask(109, True),
            Ask(109, True),
        ),
    ),
    Case(
        "a probe that is the caller's own fault was answered by a provider that works",
        60,
        (
            *calls("abcdefghij", 0, ended=Ended.FAILED),
            Ask(39, True),
            Answered("k", 0, Ended.OTHER, at=40),
            Ask(41, True),
            Ask(41, True),
            Answered("l", 0, Ended.FAILED, at=42),
            Ask(42, True),
        ),
    ),
    Case(
        "a probe that met the limit says nothing: another one goes after the pause",
        60,
        (
            *calls("abcdefghij", 0, ended=Ended.FAILED),
            Ask(39, True),
            Refused(39, "k", 21),
            Ask(60, True),
            Ask(60, False, 0.1),
        ),
    ),
    Case(
        "answers that are the caller's own fault open nothing",
        60,
        (*calls("abcdefghijkl", 0, ended=Ended.OTHER), Ask(12, True)),
    ),
    Case(
        "three failures of the last twenty halve what may be in flight, once a round trip",
        60,
        (
            *(Ask(n, True) for n in range(4)),
            *(Answered(name, 0, Ended.FAILED, at=4) for name in "abcd"),  # 4 → 2
            Ask(5, True),
            Ask(6, True),
            Ask(7, False, 0.1),
        ),
        at_once=4,
    ),
    Case(
        "a refusal while nothing else is in flight bounds nothing in flight",
        60,
        (
            *calls("abc", 0),
            Ask(3, True),
            Refused(3, "d", 57, belief=3),
            Ask(60, True),
            Ask(68, False, 29.25),  # for the pace of two a window, which climbs
        ),
    ),
    Case(
        "nor does a burst of which nothing was accepted",
        60,
        (
            *calls("abc", 0),
            *(Ask(30, True) for _ in range(3)),
            *(Refused(30, name, 30) for name in "def"),
            Ask(60, True),
            Ask(68, False, 29.25),
        ),
    ),
)
