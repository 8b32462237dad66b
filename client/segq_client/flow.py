"""What the client does, as flows: generators that name the next step and are told what came of it.

No flow sends, waits or opens a file. Who does, `Driver` for `Client` and `AsyncDriver` for
`AsyncClient`, knows no rule. So each rule stands once and blocks nobody. httpx has its
authentication so (`httpx.Auth.auth_flow`).
"""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from segq_client.request import Request

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Go on in so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Call what may block for a moment, such as the reading of a file."""

    call: Callable[[], Any]


@dataclass(frozen=True)
class Join:
    """Wait until another flow of the same client has told its result."""

    other: "Future[Any]"


Step: TypeAlias = Request[Any] | Pause | Work | Join
Flow: TypeAlias = Generator[Step, Any, T]
"""Ends with a T. It is sent an `Answer` for a `Request` and the result for `Work` and `Join`; what
went wrong is raised at the step."""
