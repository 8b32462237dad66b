"""429s from a provider that counts otherwise than we do: everything succeeds, nothing is early."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.rows import Job
from jobs.account_pauses import ResetBounds
from jobs.states import State
from tests.worker.one_account import only
from tests.worker.table_of_answers import Table
from worker.parts import Parts
from worker.run import run_ticket

BRIEF = ResetBounds(guessed=timedelta(seconds=0.5), longest=timedelta(seconds=3))
TWO_A_SECOND = {"rpm": 2, "window_seconds": 1}


def _serve(parts: Parts, tickets: int) -> list[datetime]:
    """Serve tickets one after the other; the ends of the rate limits that they met."""
    ends = []
    for _ in range(tickets):
        if run_ticket(parts).outcome == "rate_limited":
            until = parts.accounts.get(only(parts).id).limited_until
            assert until is not None
            assert until <= datetime.now(UTC) + BRIEF.longest
            ends.append(until)
    return ends


def _assert_served(table: Table, jobs: list[Job]) -> None:
    found = [table.job(job) for job in jobs]
    assert {job.state for job in found} == {State.SUCCEEDED}
    assert {job.attempts for job in found} == {1}
    answers = Counter(row["status"] for row in table.sandbox.ledger())
    assert answers[200] == len(jobs)
    assert sum(job.cost for job in found) == table.charged()


@pytest.mark.parametrize(
    "settings",
    [
        {"reset_format": "iso"},
        {"reset_format": "iso_naive"},
        {"reset_format": "epoch"},
        {"reset_format": "epoch_ms"},
        {"reset_format": "http_date"},
        {"reset_header": "on_429"},
        {"clock_offset": 3600},
        {"clock_offset": -3600},
    ],
    ids=str,
)
def test_no_call_leaves_before_a_stated_reset(table: Table, settings: dict[str, Any]) -> None:
    table.sandbox.change(**TWO_A_SECOND, **settings)
    table.count_in(1)
    parts = replace(table.parts, resets=BRIEF)
    jobs: list[Job] = []
    ends: list[datetime] = []
    # The third of a second meets the limit; on a slow machine it may be a later one.
    while not ends:
        jobs.append(table.submit())
        ends = _serve(parts, 1)
    _serve(parts, 1)
    _assert_served(table, jobs)
    *_, refused, after = table.sandbox.ledger()
    assert (refused["status"], after["status"]) == (429, 200)
    # Redis, SQL and the sandbox share this machine's clock; its ledger says when a call arrived.
    assert after["received_at"] >= ends[0].timestamp() - 0.01


@pytest.mark.parametrize(
    "settings",
    [{"reset_header": "never"}, {"reset_offset": 86_400}, {"reset_offset": -86_400}],
    ids=str,
)
def test_no_call_waits_longer_than_the_bound(table: Table, settings: dict[str, Any]) -> None:
    table.sandbox.change(**TWO_A_SECOND, **settings)
    table.count_in(1)
    jobs = [table.submit() for _ in range(3)]
    _serve(replace(table.parts, resets=BRIEF), 6)
    _assert_served(table, jobs)


@pytest.mark.parametrize(
    "settings",
    [
        {"concurrency": 1, "window_seconds": 1, "latency": {"median": 0.1, "sigma": 0.1}},
        {"rpm": 6, "window_seconds": 1, "outside_rpm": 240},
    ],
    ids=["calls at once", "someone else uses the key"],
)
def test_limits_that_we_cannot_know_cost_no_attempt(table: Table, settings: dict[str, Any]) -> None:
    table.sandbox.change(**settings)
    table.count_in(1)
    jobs = [table.submit() for _ in range(8)]
    parts = replace(table.parts, resets=BRIEF)

    def serve(_: int) -> None:
        while parts.jobs.waiting(parts.pool, 1):
            run_ticket(parts)

    with ThreadPoolExecutor(4) as slots:
        list(slots.map(serve, range(4)))
    _assert_served(table, jobs)
