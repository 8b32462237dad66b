"""One job of a run, as its row would be."""

from cli.simulation.scenario import Arrivals
from jobs.states import FINAL, MOVES, State


class Job:
    """`number` is its age: the lower was submitted earlier. `rank` is its priority's."""

    __slots__ = (
        *("number", "asked", "group", "rank", "price", "arrived"),
        *("state", "attempts", "calls", "started"),
    )

    def __init__(self, number: int, asked: Arrivals, group: str, arrived: int) -> None:
        self.number = number
        self.asked = asked
        self.group = group
        self.rank = asked.priority.rank
        self.price = asked.price
        self.arrived = arrived
        self.state = State.QUEUED
        self.attempts = 0
        """That count against `max_attempts`."""
        self.calls = 0
        self.started = -1
        """When it was claimed first."""

    def move(self, to: State) -> None:
        """Raises `RuntimeError` for a move that is not in the table: the simulation would be wrong."""
        if to not in MOVES[self.state]:
            raise RuntimeError(f"a job cannot go from {self.state} to {to}")
        self.state = to

    @property
    def is_final(self) -> bool:
        return self.state in FINAL
