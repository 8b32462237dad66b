"""One request and its answer, as values: what is said and read, without anybody who says it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")

IDEMPOTENCY_KEY = "Idempotency-Key"
NOT_MODIFIED = 304


@dataclass(frozen=True)
class Answer:
    """What came back, whole. `headers` are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_refusal(self) -> bool:
        """304 is none: it comes only to who has the answer already, and says so."""
        return self.status != NOT_MODIFIED and not 200 <= self.status < 300

    def json(self) -> Any:
        """Raises ValueError where the body is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Request(Generic[T]):
    """`path` is relative to the gateway's URL, or a whole URL. `read` makes the result of the answer.

    `held`: for how many seconds the gateway may hold the answer back, because it was asked to wait.
    """

    method: str
    path: str
    read: Callable[[Answer], T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    held: int = 0
    is_repeatable: bool = False
    """Whether twice is the same as once, though it neither reads nor has a key."""

    @property
    def may_repeat(self) -> bool:
        """Whether twice is the same as once: a read, or what is under a key."""
        return self.is_repeatable or self.method == "GET" or IDEMPOTENCY_KEY in self.headers


def json_of(value: Any) -> bytes:
    """JSON as it is sent. A `datetime` becomes RFC 3339.

    Raises TypeError and ValueError for what JSON has no form for: NaN, a time without a zone.
    """
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain
    )
    return text.encode()


def query_of(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Query parameters: None is left out, a list stands several times, times are RFC 3339."""
    return {
        name: _rfc3339(value) if isinstance(value, datetime) else value
        for name, value in wanted.items()
        if value is not None
    }


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return _rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON: {value!r:.100}")


def _rfc3339(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} must name its time zone, such as datetime.now(UTC)")
    return moment.isoformat()
