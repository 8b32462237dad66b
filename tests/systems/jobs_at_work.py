"""Jobs of a running system."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

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


def submit_batch(system: System, count: int, **members: Any) -> list[str]:
    """As many jobs as one batch, which is closed; their ids."""
    ask = partial(_ask, system, {"Authorization": f"Bearer {system.run['api_key']}"})
    values = {"image": PHOTOGRAPH}
    batch = ask("POST", "", json={"model": "ssd-canny", "input": values, **members}).json()
    lines = [{"custom_id": f"n{n}", "input": {"prompt": f"picture {n}"}} for n in range(count)]
    ask("POST", f"/{batch['id']}/jobs", json=lines)
    ask("POST", f"/{batch['id']}/close")
    return [job.id for job in system.client.jobs(group=f"batch:{batch['id']}", limit=200)]


def _ask(
    system: System, headers: dict[str, str], method: str, path: str, **options: Any
) -> httpx.Response:
    url = f"{system.gateway}/api/v1/batches{path}"
    response = httpx.request(method, url, headers=headers, trust_env=False, timeout=60, **options)
    assert response.is_success, response.text
    return response


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
