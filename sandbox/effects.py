"""The effects that a fault can have, each with its fields and their bounds.

An effect takes the place of the *true answer*: the one that the call earned where the rule says
``runs``, else a small image that nobody is charged for (over v2, a QUEUED of a request that does
not exist; where nothing is generated, what would have been answered). ``fails`` alone is no answer:
it makes the inference fail, and the answer is what becomes of that.
"""

from dataclasses import dataclass, field
from typing import Literal

from sandbox.bounds import header_value, headers, integer, number, one_of, or_null, text, truth
from sandbox.checked_fields import FieldError, by

MOST_SECONDS = 3_600
MOST_BYTES = 1_000_000_000
BODILESS = (204, 205, 304)
"""HTTP gives these statuses no body, whatever ``body`` says."""

At = Literal["request", "headers", "body"]
_AT = one_of("request", "headers", "body")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An answer with any final status.

    status: 200 to 599.
    body: ``json`` the ``{"error": …}`` envelope, ``html`` a page that holds ``error``, ``text``
        ``error`` alone, ``empty``, or ``raw``: the text ``raw`` under ``content_type``.
    error: up to 10,000 characters; null = the status's own name.
    headers: added, or in the place of the answer's own.
    """

    status: int = field(metadata=by(integer(200, 599)))
    body: str = field(default="json", metadata=by(one_of("json", "html", "text", "empty", "raw")))
    error: str | None = field(default=None, metadata=by(or_null(text(0, 10_000))))
    raw: str | None = field(default=None, metadata=by(or_null(text(0, 10_000_000))))
    content_type: str | None = field(default=None, metadata=by(or_null(header_value)))
    headers: dict[str, str] = field(default_factory=dict, metadata=by(headers))

    def __post_init__(self) -> None:
        if self.body == "raw" and self.raw is None:
            raise FieldError("raw", "must be given with the body raw")
        for name in ("raw", "content_type"):
            if self.body != "raw" and getattr(self, name) is not None:
                raise FieldError(name, f"means nothing with the body {self.body}")
        if self.body in ("raw", "empty") and self.error is not None:
            raise FieldError("error", f"means nothing with the body {self.body}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A TCP reset (or with ``how`` close an orderly end) instead of the rest of the answer.

    at: before any byte of it, after its headers, or in the middle of its body.
    """

    at: At = field(default="request", metadata=by(_AT))
    how: Literal["reset", "close"] = field(default="reset", metadata=by(one_of("reset", "close")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Silence for ``seconds`` (0 to 3,600; null = as long as the client stays), then an orderly end.

    then: ``close``, or ``answer``: what is left of the true answer follows first.
    """

    at: At = field(default="request", metadata=by(_AT))
    seconds: float | None = field(default=None, metadata=by(or_null(number(0, MOST_SECONDS))))
    then: Literal["close", "answer"] = field(
        default="close", metadata=by(one_of("close", "answer"))
    )

    def __post_init__(self) -> None:
        if self.then == "answer" and self.seconds is None:
            raise FieldError("seconds", "must be a number where an answer is to follow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """The true Content-Length, but only ``fraction`` (0 to below 1) of the body."""

    fraction: float = field(default=0.5, metadata=by(number(0, 1, below=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """The true answer, its head or its body in pieces.

    bytes: of a piece, 1 to 1,000,000. every: seconds between two pieces, 0 to 60.
    """

    part: Literal["headers", "body"] = field(default="body", metadata=by(one_of("headers", "body")))
    bytes: int = field(default=1, metadata=by(integer(1, 1_000_000)))
    every: float = field(default=0.05, metadata=by(number(0, 60)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Endless:
    """A 200 that begins as a JPEG and goes on, chunked, until the client ends it.

    bytes: of the body at the most, 3 to 1,000,000,000; null = no end.
    """

    content_type: str = field(default="image/jpeg", metadata=by(header_value))
    bytes: int | None = field(default=None, metadata=by(or_null(integer(3, MOST_BYTES))))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentType:
    """The true answer under another Content-Type; ``value`` null: without one."""

    value: str | None = field(metadata=by(or_null(header_value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bomb:
    """A 200 ``image/png``, half a megabyte long, that unpacks to 60,000 x 60,000 pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """A 200 ``image/jpeg`` that is no image.

    bytes: its length, 0 to 10,000,000. cut: half of a real JPEG instead, complete as HTTP has it,
    so that only decoding shows it.
    """

    bytes: int = field(default=1_000, metadata=by(integer(0, 10_000_000)))
    cut: bool = field(default=False, metadata=by(truth))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fails:
    """The inference runs and fails, uncharged: FAILED over v2, a 500 over v1.

    error: what it says, 1 to 10,000 characters.
    """

    error: str = field(metadata=by(text(1, 10_000)))


Effect = Status | Reset | Hang | Truncate | Drip | Endless | ContentType | Bomb | Garbage | Fails

KINDS: dict[str, type[Effect]] = {
    "status": Status,
    "reset": Reset,
    "hang": Hang,
    "truncate": Truncate,
    "drip": Drip,
    "endless": Endless,
    "content_type": ContentType,
    "bomb": Bomb,
    "garbage": Garbage,
    "fails": Fails,
}
KIND_OF = {kind: name for name, kind in KINDS.items()}
