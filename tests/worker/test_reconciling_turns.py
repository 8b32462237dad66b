"""Turns of reconciliation over doubts that are not alike: each is looked for, and all of it found."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from db.rows import Job
from db.tables import jobs
from jobs.doubts import OnDoubt
from jobs.states import State
from tests.sandbox.sandbox_process import SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import AT_ONCE, CUT, lose_answer, lose_worker, page_of, succeed_later
from tests.worker.upkeep_turns import attempt, change, long_ago, look_now, until
from worker.parts import Parts
from worker.run import run_ticket
from worker.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, doubts=AT_ONCE)


@pytest.fixture
def state(parts: Parts, tenant: UUID) -> Callable[[Job], State]:
    return lambda job: parts.jobs.get(tenant, job.id).state


def test_all_outputs_of_a_call_whose_id_is_known_are_found(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit(samples=3)
    sandbox.faults(CUT)
    run_ticket(parts)
    assert attempt(parts, job)["request_id"] == sandbox.ledger()[0]["id"]
    look_now(parts)
    done = parts.jobs.get(tenant, job.id)
    assert (done.state, len(done.outputs), done.cost) == (State.SUCCEEDED, 3, 180_000_000)


def test_doubts_that_are_weeks_apart_are_all_looked_for_in_one_turn(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    old, new = submit(seed=1), submit(seed=2)
    lose_worker(parts)
    lose_answer(parts, sandbox)
    long_ago(parts, old, timedelta(days=40))
    look_now(parts)
    assert (state(old), state(new)) == (State.IN_DOUBT, State.SUCCEEDED)


def test_a_cost_that_the_history_does_not_tell_is_given_up(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    job = submit()
    lose_answer(parts, sandbox)
    (row,) = sandbox.rows()
    sandbox.faults(page_of({**row, "credits_deduction": None}))
    look_now(parts)
    assert attempt(parts, job)["cost_known"] is False
    look_now(parts)
    three_days = timedelta(days=3)
    change(parts, job, finished_at=parts.database.after(-three_days))
    long_ago(parts, job, three_days)
    look_now(parts)
    kept = attempt(parts, job)
    assert (kept["next_look_at"], kept["cost"]) == (None, job.estimate)


def test_outputs_that_are_not_listed_yet_are_waited_for_as_long_as_patience_lasts(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    job = submit(samples=3)
    lose_answer(parts, sandbox)
    first, *_ = sandbox.rows(sort_order="asc")
    sandbox.faults(page_of(first))
    assert look_now(parts) == {"goes on": 1}
    assert "not yet all" in attempt(parts, job)["looked"]
    long_ago(parts, job, timedelta(minutes=31))
    assert look_now(parts) == {"ended": 1}
    assert len(parts.jobs.get(tenant, job.id).outputs) == 1


def test_two_passes_are_apart_however_long_a_turn_took_to_begin_the_first(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    slow = replace(parts, doubt_timing=replace(AT_ONCE, between_passes=timedelta(seconds=2)))
    known, job = submit(seed=1), submit(seed=2)
    sandbox.faults(CUT)
    run_ticket(parts)
    lose_worker(parts)
    for one in (known, job):
        long_ago(parts, one, timedelta(seconds=10))
    succeed_later(parts, submit)
    for one in (known, job):
        long_ago(parts, one, timedelta(minutes=20))
    by_id = {"path": f"/inference-request/request-history/{attempt(parts, known)['request_id']}"}
    hang = {"kind": "hang", "seconds": 2, "then": "answer"}
    sandbox.faults({"match": by_id, "runs": True, "effect": hang})
    look_now(slow)
    assert (state(known), state(job)) == (State.SUCCEEDED, State.IN_DOUBT)
    began = attempt(parts, job)["missed_at"]
    assert began is not None
    # Two seconds after the turn began, and at once after the pass did.
    look_now(slow)
    assert state(job) is State.IN_DOUBT


def test_a_call_of_long_ago_with_a_deadline_to_come_keeps_no_other_from_being_looked_for(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    """As `segq audit --adopt` leaves it."""
    old, new = submit(seed=1), submit(seed=2)
    lose_worker(parts)
    change(parts, old, claimed_at=parts.database.after(-timedelta(days=40)))
    lose_answer(parts, sandbox)
    look_now(parts)
    assert (state(old), state(new)) == (State.IN_DOUBT, State.SUCCEEDED)


def test_a_doubt_that_cannot_be_looked_for_ends_by_its_policy_all_the_same(
    parts: Parts, submit: Submit, state: Callable[[Job], State]
) -> None:
    job = submit({"on_doubt": OnDoubt.FAIL})
    lose_worker(parts)
    with parts.database.write() as connection:
        connection.execute(update(jobs).values(input={**job.input, "image": 5}))
    assert look_now(parts) == {"goes on": 1}
    assert "the log of upkeep" in attempt(parts, job)["looked"]
    long_ago(parts, job, timedelta(minutes=31))
    look_now(parts)
    assert state(job) is State.FAILED


def test_two_upkeeps_at_once_book_each_call_once_and_share_no_row(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    """Both look for all: as after a pass that took longer than its hold."""
    equal = [submit(seed=7) for _ in range(6)]
    own = [submit() for _ in range(4)]
    for _ in (*equal, *own):
        lose_answer(parts, sandbox)

    def ended() -> bool:
        return all(
            parts.jobs.get(tenant, job.id).state is State.SUCCEEDED for job in (*equal, *own)
        )

    def both() -> None:
        list(pool.map(lambda _: look_now(parts), range(2)))

    with ThreadPoolExecutor(2) as pool:
        until(both, ended)
    found = [attempt(parts, job) for job in (*equal, *own)]
    assert {one["request_id"] for one in found} == {row["id"] for row in sandbox.ledger()}
    assert all(one["cost_known"] for one in found)
    for job in (*equal, *own):
        done = parts.jobs.get(tenant, job.id)
        (output,) = done.outputs
        assert done.cost == 60_000_000
        assert hashlib.sha256(parts.artifacts.get(output.artifact)).hexdigest() == output.sha256
