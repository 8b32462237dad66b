"""What jobs are told about their start, beside when they really start: a whole system at work."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from db.api_keys import KEY_PREFIX
from db.engine import Database
from db.tenants import TenantStore
from segq_client import Client
from tests.systems.jobs_at_work import all_ended, submit
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
FAST = {"median": 0.2, "sigma": 0.1}


def _at(moment: Any) -> datetime:
    return datetime.fromisoformat(str(moment))


def _queued(one: System, *batches: Callable[[], list[str]]) -> list[list[str]]:
    """All of them wait when the first is called: nothing leaves before that."""
    assert one.segq("account", "pause").returncode == 0
    ids = [sorted(batch()) for batch in batches]
    assert one.client.get(ids[0][-1]).estimated_start is None
    return ids


def _go(one: System, last: str, position: int) -> tuple[datetime, datetime]:
    """Let calls leave; when that was, and when the last job is told to start."""
    assert one.segq("account", "resume").returncode == 0
    began = datetime.now(UTC)
    told: list[datetime] = []

    def dated() -> bool:
        job = one.client.get(last)
        assert job.state == "queued"
        if job.estimated_start is not None:
            assert (job.position or 0) <= position
            told.append(_at(job.estimated_start))
        return bool(told)

    wait_until(dated, "a date", timeout=5, every=0.1)
    return began, told[0]


def _started(one: System, job: str) -> datetime:
    return _at(one.client.wait(job, timeout=90).raw["started_at"])


def _assert_close(began: datetime, told: datetime, started: datetime, within: float = 0.15) -> None:
    real = (started - began).total_seconds()
    assert (told - began).total_seconds() == pytest.approx(real, rel=within), (began, told, started)


@ON_ITS_OWN_PARTS
def test_thirty_jobs_at_sixty_a_minute(system: Start) -> None:
    one = system(SEGMIND_RPM="60")
    one.settings(latency=FAST)
    ((*_, last),) = _queued(one, lambda: submit(one, 30))
    began, told = _go(one, last, 30)
    _assert_close(began, told, _started(one, last))
    # By now calls have told the balance.
    estimated = one.client.estimate(
        "ssd-canny", {"image": "https://example.org/a.png", "prompt": "a fox"}, count=30
    )
    assert (str(estimated.price), estimated.suffices) == ("0.18", True)


@ON_ITS_OWN_PARTS
def test_two_tenants_and_a_pause(system: Start) -> None:
    one = system(SEGMIND_RPM="48", SEGMIND_WINDOW="12")
    one.settings(latency=FAST, window_seconds=12)
    key = KEY_PREFIX + secrets.token_hex()
    database = Database(one.database)
    TenantStore(database).ensure_key("heavy", key, "a test")
    database.close()
    one.sql("UPDATE tenants SET weight = 3 WHERE name = 'heavy'")

    def heavy() -> list[str]:
        values = {"image": "https://example.org/a.png", "prompt": "a fox"}
        with Client(one.gateway, key) as client:
            return [client.submit("ssd-canny", values).id for _ in range(80)]

    mine, others = _queued(one, lambda: submit(one, 20), heavy)
    assert one.client.get(mine[-1]).position in {77, 78, 79, 80}
    began, told = _go(one, mine[-1], 80)
    _assert_close(began, told, _started(one, mine[-1]))
    assert {job.state for job in all_ended(one, mine)} == {"succeeded"}
    with Client(one.gateway, key) as client:
        assert {client.wait(job, timeout=60).state for job in others} == {"succeeded"}

    # Half as many are allowed as is believed: one refusal, and all wait for its reset.
    one.settings(rpm=24)
    *_, last = sorted(submit(one, 45))
    wait_until(lambda: _pauses_until(one) is not None, "the pause", timeout=20)
    assert one.client.get(last).waiting_for == "rate_limit"
    until = _pauses_until(one)
    assert until is not None

    def told_of_it() -> bool:
        found = one.client.get(last).estimated_start
        return found is not None and _at(found) >= until

    wait_until(told_of_it, "the pause's end is in it", timeout=3, every=0.1)
    wait_until(lambda: _believed(one) < 48, "what the refusal taught is known", timeout=10)
    time.sleep(1.1)  # an answer may be a second old
    told = _at(one.client.get(last).estimated_start)
    began = datetime.now(UTC)
    # Meanwhile the limiter tries whether more is allowed.
    _assert_close(began, told, _started(one, last), within=0.3)


def _believed(system: System) -> int:
    return int(system.client.account()["accounts"][0]["limit"]["believed"])


def _pauses_until(system: System) -> datetime | None:
    pause = system.client.account()["accounts"][0]["pause"]
    return None if pause is None else _at(pause["until"])
