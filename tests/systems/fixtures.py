"""Fixtures: whole systems, started as a user starts them, one SEGQ_HOME each."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.systems.processes import project_environment
from tests.systems.running_system import System, start_system, stop_system
from tests.systems.targets import TARGETS, External, Stores, embedded


@pytest.fixture(params=TARGETS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """`stores(home)`: where a system of this SEGQ_HOME keeps its state. Each test runs on both."""
    if request.param == "embedded":
        yield embedded
        return
    with contextlib.ExitStack() as stack:
        # Asked for here: a test on the embedded parts alone starts no servers.
        postgres, s3 = (request.getfixturevalue(name) for name in ("postgres", "s3"))
        yield External(stack, tmp_path, postgres, s3)


@pytest.fixture
def ending() -> Callable[[System], None]:
    """How systems end when their test is over: by `segq down`."""
    return stop_system


@pytest.fixture
def system(
    tmp_path: Path, stores: Stores, ending: Callable[[System], None]
) -> Iterator[Callable[..., System]]:
    """`system(SEGQ_WORKERS="2", ...)` starts one more system and returns it once it is ready.

    Each has a home and free ports of its own. At the end each is stopped, and every process that
    its run.json has named must be gone.
    """
    with contextlib.ExitStack() as stack:
        count = 0

        def start(**environment: str) -> System:
            nonlocal count
            count += 1
            folder = tmp_path / f"system-{count}"
            folder.mkdir()
            # Given by a test that starts again what it has stopped.
            home = Path(environment.get("SEGQ_HOME") or folder / ".segq")
            settings = {
                "SEGQ_HOME": str(home),
                "SEGQ_PORT": "0",
                # A tenth of a start, for those few that look at it.
                "SEGQ_FLOWER": "off",
                **stores(home),
                **environment,
            }
            started = start_system(folder, home, project_environment(**settings))
            stack.callback(ending, started)
            return started

        yield start
