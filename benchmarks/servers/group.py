"""Several processes that end together: each is asked before the first is waited for."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.servers.processes import Process, running


class Group:
    """A `with` block. After an error nobody's calls matter any more, and all are killed."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self._ends = ExitStack()

    def start(
        self, name: str, argv: Sequence[object], log: Path, *, environment: Mapping[str, str]
    ) -> Process:
        """Start one more; it need not serve yet on return."""
        process = self._ends.enter_context(running(name, argv, log, environment=environment))
        self.processes.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self.processes:
            process.ask_to_end(at_once=kind is not None)
        self._ends.close()
