"""Jobs of a running system."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from segq_client import Job
from tests.systems.processes import wait_until
from tests.systems.running_system import System

PHOTOGRAPH = "https://example.org/photograph.png"


def submit(system: System, count: int, **fields: Any) -> list[str]:
    """Submit jobs that differ in their prompts, several at once; returns their ids."""

    def one(n: int) -> str:
        values = {"image": PHOTOGRAPH, "prompt": f"picture {n}"}
        return system.client.submit("ssd-canny", values, **fields).id

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(count)))


def states(system: System) -> Counter[str]:
    rows = system.sql("SELECT state, count(*) AS jobs FROM jobs GROUP BY state")
    return Counter({row["state"]: row["jobs"] for row in rows})


def wait_for_states(system: System, timeout: float = 60, **wanted: int) -> None:
    """Wait until at least so many jobs are in these states."""

    def met() -> bool:
        found = states(system)
        return all(found[state] >= count for state, count in wanted.items())

    wait_until(met, f"{wanted} (at last {states(system)})", timeout=timeout)


def all_ended(system: System, ids: list[str], timeout: float = 60) -> list[Job]:
    """The jobs when each is final or in doubt."""
    return [system.client.wait(job, timeout=timeout) for job in ids]
