"""Jobs of a running system, and the comparison of what SQL says with what the sandbox charged."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
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


def assert_paid_once(system: System) -> None:
    """No two calls for a job, and SQL's attempts are the ledger's calls, cost for cost.

    A job in doubt may have its call in the ledger or not; nothing else may differ.
    """
    calls = [row for row in system.ledger() if row["status"] == 200]
    by_seed = {row["seed_used"]: row for row in calls}
    assert len(by_seed) == len(calls), "a seed stands twice in the ledger: a call was repeated"
    attempts = system.sql(
        "SELECT a.seed, a.cost, a.outcome, a.finished_at, j.state, j.id FROM attempts a "
        "JOIN jobs j ON j.id = a.job_id WHERE a.sent_at IS NOT NULL OR a.finished_at IS NULL "
        # Recovered from its images alone: sent, and nobody knows when.
        "OR a.outcome = 'succeeded'"
    )
    jobs = Counter(attempt["id"] for attempt in attempts)
    assert max(jobs.values(), default=0) <= 1, "a job was called for twice"
    for attempt in attempts:
        call = by_seed.pop(attempt["seed"], None)
        if attempt["state"] == "in_doubt":
            continue
        assert call is not None, f"SQL has a call that the ledger lacks: {attempt}"
        assert Decimal(attempt["cost"]) / 10**10 == Decimal(call["cost"])
    assert not by_seed, f"the ledger has calls that SQL lacks: {by_seed}"
