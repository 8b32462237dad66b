"""Sending a request until it is answered: how often, and how long after one another."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from segq_client.errors import SegqError, SetupError
from segq_client.flow import Flow, Pause
from segq_client.problems import problem_in
from segq_client.request import Answer, Request

T = TypeVar("T")

# Of the pause, on top of it: clients that a restart has cut off together do not come back together.
_JITTER = 0.25


@dataclass(frozen=True)
class Retrying:
    """`tries`: how often at the most what may be repeated is sent. `chance` gives 0 to 1."""

    tries: int
    chance: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise SetupError(f"tries must be 1 or more, not {self.tries}")

    def answered(self, request: Request[T]) -> Flow[T]:
        """What a request comes to.

        Sent again is a read, and a POST under its key; and only while nothing has been refused for
        good: no answer came, a part of the gateway is away, or the same POST is still under way.
        """
        left = self.tries if request.may_repeat else 1
        while True:
            left -= 1
            try:
                return (yield from once(request))
            except SegqError as error:
                if error.repeat_after is None or not left:
                    raise
                yield Pause(self.pause(error.repeat_after))

    def pause(self, seconds: float) -> float:
        """`seconds`, and up to a quarter more."""
        return seconds * (1 + _JITTER * self.chance())


def once(request: Request[T]) -> Flow[T]:
    """What a request comes to that is sent once."""
    answer: Answer = yield request
    if answer.is_refusal:
        raise problem_in(answer)
    return request.read(answer)
