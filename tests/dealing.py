"""In which order tests run: the long ones first, and dealt to all of pytest-xdist's processes.

Each of them begins with a part of the list as it stands, and takes from the others in the end. As
collected, the long tests would be one process's and the last.
"""

from collections.abc import Hashable, Iterable

import pytest

_LONG = ("faults", "acceptance", "benchmarks", "deploy")


def deal(items: list[pytest.Item], processes: int) -> None:
    """Put them into that order, in place; the same in each process."""
    hands: list[list[pytest.Item]] = [[] for _ in range(processes)]
    for group in _groups(items):
        min(hands, key=len).extend(group)
    items[:] = [one for hand in hands for one in hand]


def _groups(items: Iterable[pytest.Item]) -> list[list[pytest.Item]]:
    """Each long test alone; of the others each file whole, whose tests may share a server."""
    long: dict[Hashable, list[pytest.Item]] = {}
    short: dict[Hashable, list[pytest.Item]] = {}
    for item in items:
        if item.path.parent.name in _LONG:
            long[item.nodeid] = [item]
        else:
            short.setdefault(item.path, []).append(item)
    return [*long.values(), *sorted(short.values(), key=len, reverse=True)]
