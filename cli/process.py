"""One line of the process table: what to start, when it is ready, and how it is to end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cli.readiness import Alive, Readiness

DEFAULT_PATIENCE = 10.0


@dataclass(frozen=True)
class Process:
    """A child that the supervisor starts and keeps alive.

    `after` names processes that must be ready (a `once`: finished) before this one starts.
    `once` marks a step of the start: it runs to its end, exit code 0, and is not kept alive.
    `stop_stage`: lower stages are ended, and gone, before the next one is asked to end.
    `patience`: seconds between SIGTERM and SIGKILL.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    ready: Readiness = field(default_factory=Alive)
    after: frozenset[str] = frozenset()
    once: bool = False
    stop_stage: int = 0
    patience: float = DEFAULT_PATIENCE

    @property
    def finishes_calls(self) -> bool:
        """Whether its end may cut off a paid call: who has one to finish has longer than others."""
        return self.patience > DEFAULT_PATIENCE
