"""Plays a flow without anybody who sends or sleeps: answers come from a list, pauses pass at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from segq_client.flow import Flow, Join, Pause, Work
from segq_client.request import Answer, Request, json_of

T = TypeVar("T")

Reply = Answer | Exception | Callable[[Request[Any]], Answer]


@dataclass
class Stage:
    """Where flows are played. `now` moves by their pauses, and by the waits that they ask for."""

    replies: list[Reply]
    now: float = 0.0
    asked: list[Request[Any]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def play(self, flow: Flow[T]) -> T:
        step = next(flow)
        while True:
            try:
                match step:
                    case Request():
                        reply = self._reply(step)
                        if isinstance(reply, Exception):
                            step = flow.throw(reply)
                        else:
                            step = flow.send(reply)
                    case Pause(seconds):
                        self.now += seconds
                        self.pauses.append(seconds)
                        step = flow.send(None)
                    case Work(call):
                        step = flow.send(call())
                    case Join(other):
                        step = flow.send(other.result(timeout=0))
            except StopIteration as end:
                result: T = end.value
                return result

    def _reply(self, request: Request[Any]) -> Answer | Exception:
        self.asked.append(request)
        # The last one is given to all that come after it.
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Answer | Exception):
            return reply
        return reply(request)


def on_stage(*replies: Reply) -> Stage:
    return Stage(list(replies))


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, b"" if body is None else json_of(body))


def held(stage: Stage, reply: Answer) -> Callable[[Request[Any]], Answer]:
    """Given when the wait that was asked for is over."""

    def wait(request: Request[Any]) -> Answer:
        stage.now += request.held
        return reply

    return wait


def paths(asked: Iterable[Request[Any]]) -> list[str]:
    return [f"{one.method} {one.path}" for one in asked]
