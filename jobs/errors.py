"""The errors that segq raises.

    SegqError
    ├── InvalidInput          what a caller sent breaks a rule; names every wrong field
    ├── UnknownModel          no such model in the catalog
    ├── NotFound              no such thing, or not this tenant's
    ├── IllegalMove           the job is in a state that the request does not fit
    ├── RequestHeld           a call of ours holds the provider's request already
    ├── InvalidSetting        an environment variable that cannot be used
    ├── CannotDecrypt         a secret in the database that no master key given opens
    └── Unavailable           a part that this needs (SQL, Redis) does not answer

A call upstream that goes wrong is no exception: it is a `jobs.failures.Failure`, a value.
"""

from dataclasses import dataclass

from jobs.states import State


class SegqError(Exception):
    """The root of the tree above."""


@dataclass(frozen=True)
class FieldProblem:
    """One wrong field: where it stands, what is allowed, and what came (shortened)."""

    field: str
    message: str
    got: str | None = None


class InvalidInput(SegqError):  # noqa: N818  # names of the tree read as what they say
    """What a caller sent breaks at least one rule. `problems` names every one."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        """`problems` must not be empty."""
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))
        self.problems = tuple(problems)


class UnknownModel(SegqError):  # noqa: N818
    """The catalog has no model of this name."""

    def __init__(self, slug: str, known: tuple[str, ...]) -> None:
        """`known` is told to the caller."""
        super().__init__(f"no model {slug!r}; there are: {', '.join(known)}")
        self.slug = slug
        self.known = known


class NotFound(SegqError):  # noqa: N818
    """There is no such thing, or it belongs to another tenant: the two look the same."""


class IllegalMove(SegqError):  # noqa: N818
    """The job is in a state from which what was asked cannot be done."""

    def __init__(self, message: str, state: State) -> None:
        """`message` is shown to the caller as it stands."""
        super().__init__(message)
        self.state = state


class RequestHeld(SegqError):  # noqa: N818
    """The provider's request is another attempt's: it cannot be this one's too."""


class InvalidSetting(SegqError):  # noqa: N818
    """An environment variable holds what cannot be used. Never carries a secret's value."""

    def __init__(self, name: str, got: str, allowed: str) -> None:
        """`got` is shown, so pass no secret."""
        super().__init__(f"{name} is {got!r}; it must be {allowed}")
        self.name = name


class CannotDecrypt(SegqError):  # noqa: N818
    """A secret in the database is sealed under a master key that is not given, or is damaged."""


class Unavailable(SegqError):  # noqa: N818
    """A part that this needs does not answer now; trying again later may help."""
