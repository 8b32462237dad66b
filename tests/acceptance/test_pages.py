import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.systems.jobs_at_work import all_ended, submit
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]


@pytest.fixture
def done(system: Start) -> tuple[System, set[str]]:
    one = system(SEGQ_FLOWER="on")
    one.settings(latency={"median": 0.3, "sigma": 0.1})
    ids = submit(one, 3)
    assert {job.state for job in all_ended(one, ids)} == {"succeeded"}
    return one, set(ids)


def _tickets(system: System) -> list[dict[str, Any]]:
    run = system.run
    with httpx.Client(trust_env=False, auth=(run["flower_user"], run["flower_password"])) as client:
        answer = client.get(f"{run['flower']}/api/tasks")
        answer.raise_for_status()
        return [task for task in answer.json().values() if task["state"] == "SUCCESS"]


def test_its_api_shows_finished_tickets_with_job_outcome_seconds_and_cost(
    done: tuple[System, set[str]],
) -> None:
    system, ids = done

    def results() -> dict[str, str]:
        return {i: t["result"] for t in _tickets(system) for i in ids if i in str(t["result"])}

    wait_until(lambda: set(results()) == ids, "Flower knows all three")
    for result in results().values():
        assert "'model': 'ssd-canny'" in result
        assert "'outcome': 'succeeded'" in result
        assert "'cost': '0.006'" in result
        assert "'seconds': " in result
    assert {task["name"] for task in _tickets(system)} == {"segq.generate"}


@ON_ITS_OWN_PARTS
def test_without_its_password_it_shows_nothing(done: tuple[System, set[str]]) -> None:
    system, _ = done
    for path in ("/", "/api/tasks", "/tasks", "/api/workers"):
        answer = httpx.get(f"{system.run['flower']}{path}", trust_env=False)
        assert answer.status_code == 401, path


@ON_ITS_OWN_PARTS
def test_a_browser_shows_the_tickets(done: tuple[System, set[str]]) -> None:
    from tests.acceptance.browser import open_browser

    system, ids = done
    run = system.run
    with open_browser(run["flower_user"], run["flower_password"]) as page:
        page.goto(f"{run['flower']}/tasks")
        page.wait_for_selector("#tasks-table tbody tr >> text=segq.generate")
        wait_until(
            lambda: all(job in json.dumps(page.inner_text("body")) for job in ids),
            "the page shows every job's id",
        )
        shown = page.inner_text("body")
        assert shown.count("'outcome': 'succeeded'") >= len(ids)
        assert shown.count("'cost': '0.006'") >= len(ids)


@ON_ITS_OWN_PARTS
def test_the_api_docs_need_nothing_from_elsewhere(done: tuple[System, set[str]]) -> None:
    from tests.acceptance.browser import open_browser

    system, _ = done
    with open_browser("", "") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{system.gateway}/docs")
        page.wait_for_selector("text=Queue a job")
        assert all(url.startswith((system.gateway, "data:")) for url in asked), asked
