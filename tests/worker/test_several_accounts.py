"""A pool of several accounts, each with its own key, balance and limits, on a real server."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from sqlalchemy import update

from db.rows import Terms
from db.tables import jobs
from jobs.account_pauses import PauseReason
from jobs.catalog import Transport
from jobs.failures import FailureKind
from jobs.money import parse
from jobs.states import State
from tests.sandbox.sandbox_process import KEY, OTHER_KEY, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import LOST, page_of
from tests.worker.upkeep_turns import attempt, look_now, poll_now, until
from worker.auditing import audit
from worker.celery_settings import celery_settings
from worker.parts import Parts, build
from worker.run import run_ticket
from worker.settings import Settings
from worker.sweeper import sweep
from worker.taken import NoJob, Taken
from worker.upkeep import probe_credits, top_up
from worker.upstream_accounts import UpstreamAccount, UpstreamAccounts

KEYS = {"first": KEY, "second": OTHER_KEY}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, segmind_keys=KEYS)


@pytest.fixture
def parts(settings: Settings, tenant: UUID) -> Iterator[Parts]:
    found = build(settings)
    for one in found.upstream.at_work():
        one.limiter.rebuild([], 0, first=True)
    yield found
    found.askers.shutdown()
    found.upstream.close()
    found.redis.close()
    found.database.close()


def named(parts: Parts, name: str) -> UpstreamAccount:
    return next(one for one in parts.upstream.at_work() if one.name == name)


def called(sandbox: SandboxProcess, status: int = 200) -> Counter[str]:
    """How many calls each key made that were answered so."""
    return Counter(row["key"] for row in sandbox.ledger() if row["status"] == status)


def serve(parts: Parts, count: int) -> list[str]:
    return [run_ticket(parts).outcome for _ in range(count)]


def test_they_share_the_calls_and_each_has_its_own_limit(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, settings: Settings
) -> None:
    slow = build(replace(settings, calls_per_minute=60, pool="slow"))
    try:
        for one in slow.upstream.at_work():
            one.limiter.rebuild([], 0, first=True)
        ids = [submit(prompt=f"picture {n}").id for n in range(40)]
        with slow.database.write() as connection:
            connection.execute(update(jobs).where(jobs.c.id.in_(ids)).values(pool="slow"))
        ends = time.monotonic() + 4

        def slot(_: int) -> int:
            served = 0
            while time.monotonic() < ends:
                found = slow.turnstile.pass_through(ends)
                served += not isinstance(found, NoJob)
            return served

        with ThreadPoolExecutor(4) as slots:
            served = sum(slots.map(slot, range(4)))
    finally:
        slow.askers.shutdown()
        slow.upstream.close()
        slow.redis.close()
        slow.database.close()
    # Of each a burst of six and then one a second: one alone would give ten.
    assert 18 <= served <= 21


def test_where_the_first_can_serve_a_permit_costs_one_question(
    parts: Parts, submit: Submit
) -> None:
    for n in range(9):
        submit(prompt=f"picture {n}")

    def questions() -> int:
        return int(parts.redis.info("commandstats")["cmdstat_evalsha"]["calls"])

    before = questions()
    taken = [parts.turnstile.pass_through(time.monotonic() + 5) for _ in range(9)]
    assert questions() - before == 9
    of_account = Counter(one.claim.account_id for one in taken if isinstance(one, Taken))
    assert sorted(of_account.values()) == [4, 5]


def test_one_that_runs_out_leaves_the_calls_to_the_other_and_comes_back(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    sandbox.change(credits="0.012")  # two calls of each
    assert sandbox.call(key=KEY).status_code == sandbox.call(key=KEY).status_code == 200
    made = [submit(prompt=f"picture {n}") for n in range(2)]
    outcomes = serve(parts, 4)
    first, second = (parts.accounts.get(named(parts, name).id) for name in KEYS)
    assert first.paused_for is PauseReason.CREDITS
    assert Counter(outcomes)["succeeded"] == 2
    assert {parts.jobs.get(job.tenant_id, job.id).attempts for job in made} == {1}
    assert called(sandbox)[OTHER_KEY] == 2
    # A probe that finds as little changes nothing; after a top-up the account works again.
    submit(prompt="later")
    assert probe_credits(parts)["first"] == "read"
    sandbox.change(credits="0.006")
    assert probe_credits(parts)["first"] == "resumed"
    before = called(sandbox)[KEY]
    until(lambda: run_ticket(parts), lambda: sum(called(sandbox).values()) == 5)
    assert called(sandbox)[KEY] - before + called(sandbox)[OTHER_KEY] == 3
    assert second.paused_for in {None, PauseReason.CREDITS}


def test_a_model_that_one_may_not_call_is_made_by_the_other(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, valkey: str
) -> None:
    refused = {"kind": "status", "status": 403, "error": "not in your plan"}
    sandbox.faults({"match": {"key": KEY, "model": "ssd-canny"}, "count": None, "effect": refused})
    made = [submit(prompt=f"picture {n}") for n in range(6)]
    app = Celery("tickets", set_as_current=False)
    app.conf.update(celery_settings(valkey, parts.pool))
    until(lambda: run_ticket(parts), lambda: called(sandbox)[OTHER_KEY] == 6)
    assert {parts.jobs.get(job.tenant_id, job.id).state for job in made} == {State.SUCCEEDED}
    assert called(sandbox, 403)[KEY] <= 1
    # Nothing was taken out of the order for it; once no account may call the model, it is.
    last = submit(prompt="the last")
    assert top_up(parts, app)["held"] == 0
    pauses = parts.accounts.model_pauses(named(parts, "first").id)
    assert [pause.model for pause in pauses] == ["ssd-canny"]
    sandbox.faults({"match": {"key": OTHER_KEY}, "count": None, "effect": refused})
    until(lambda: run_ticket(parts), lambda: called(sandbox, 403)[OTHER_KEY] == 1)
    assert top_up(parts, app)["held"] == 1
    assert parts.accounts.resume_model(named(parts, "second").id, "ssd-canny")
    sandbox.clear_faults()
    assert top_up(parts, app)["back"] == 1
    app.close()
    until(lambda: run_ticket(parts), lambda: called(sandbox)[OTHER_KEY] == 7)
    assert parts.jobs.get(last.tenant_id, last.id).state is State.SUCCEEDED


def test_what_a_dead_worker_left_is_looked_for_with_its_own_accounts_key(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    made = [submit(prompt=f"picture {n}") for n in range(4)]
    for name, key in KEYS.items():
        one = named(parts, name)
        for _ in range(2):
            (claim,) = claimed(parts, one, Transport.V1)
            sandbox.call(key=key, **{**claim.job.input, "seed": claim.seed})
    sweep(parts)
    states = {parts.jobs.get(job.tenant_id, job.id).state for job in made}
    assert states == {State.IN_DOUBT}
    look_now(parts)
    assert {parts.jobs.get(job.tenant_id, job.id).state for job in made} == {State.SUCCEEDED}
    assert len(sandbox.ledger()) == 4
    of_account = Counter(attempt(parts, job)["account_id"] for job in made)
    assert set(of_account.values()) == {2}


def claimed(parts: Parts, one: UpstreamAccount, transport: Transport) -> list[Any]:
    terms = Terms(timedelta(), transport=transport)
    found = parts.runs.claim(parts.pool, one.id, terms=terms)
    assert isinstance(found, list)
    return found


def test_requests_are_polled_with_the_key_that_they_were_sent_with(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    for one in parts.upstream.at_work():
        parts.accounts.set_transport(one.id, Transport.V2)
    made = [submit(prompt=f"picture {n}") for n in range(4)]
    serve(parts, 4)
    assert set(called(sandbox).values()) == {2}

    def all_done() -> bool:
        return {parts.jobs.get(job.tenant_id, job.id).state for job in made} == {State.SUCCEEDED}

    until(lambda: poll_now(parts), all_done)


def test_a_doubt_whose_key_is_not_known_ends_as_its_job_says(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    sandbox.faults({**LOST, "count": 1})
    job = submit({"doubt_deadline": datetime.now(UTC) + timedelta(seconds=1)})
    assert run_ticket(parts).outcome == FailureKind.CONNECTION_LOST
    blind = replace(parts, upstream=UpstreamAccounts())
    assert look_now(blind) == {"goes on": 1}
    doubt = parts.jobs.get(job.tenant_id, job.id)
    assert doubt.state is State.IN_DOUBT
    assert "key" in str(attempt(parts, job)["looked"])
    until(lambda: look_now(blind), lambda: parts.jobs.get(job.tenant_id, job.id).state == "failed")


def test_an_audit_is_of_all_accounts_and_names_those_that_it_cannot_read(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    for n in range(4):
        submit(prompt=f"picture {n}")
    serve(parts, 4)
    assert set(called(sandbox).values()) == {2}
    now = datetime.now(UTC)
    found = audit(parts, now - timedelta(days=1), now)
    assert (found.differences, found.attempts, found.requests) == ((), 4, 4)
    assert found.ours == found.theirs == parse("0.024")
    assert found.left_out == ()
    one = replace(parts, upstream=UpstreamAccounts([named(parts, "first")]))
    found = audit(one, now - timedelta(days=1), now)
    assert (found.differences, found.attempts, found.left_out) == ((), 2, ("second",))


def test_in_a_team_the_others_calls_are_no_difference(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    """Each history of a team has the calls of all: here both accounts read the same one."""
    for n in range(4):
        submit(prompt=f"picture {n}", seed=7)
    serve(parts, 4)
    first = named(parts, "first")
    rows = sandbox.rows(KEY) + sandbox.rows(OTHER_KEY)
    assert len(rows) == 4
    sandbox.faults(page_of(*rows))
    now = datetime.now(UTC)
    found = audit(parts, now - timedelta(days=1), now)
    assert (found.differences, found.requests, found.ours) == ((), 4, found.theirs)
    alone = audit(replace(parts, upstream=UpstreamAccounts([first])), now - timedelta(days=1), now)
    assert alone.differences == ()


def test_what_is_to_be_left_of_a_balance_is_left(
    settings: Settings, submit: Submit, parts: Parts, sandbox: SandboxProcess
) -> None:
    sandbox.change(credits="0.020")
    floored = build(replace(settings, credits_floor=parse("0.01")))
    try:
        for n in range(4):
            submit(prompt=f"picture {n}")
        # Before the first reading nothing leaves: Segmind knows of no floor.
        assert floored.turnstile.pass_through(time.monotonic() + 0.2) is NoJob.WAITED
        assert probe_credits(floored) == {"first": "read", "second": "read"}
        until(lambda: run_ticket(floored), lambda: len(sandbox.ledger()) == 2)
        assert {sandbox.credits(key) for key in KEYS.values()} == {"0.014"}
        for _ in range(4):
            floored.turnstile.pass_through(time.monotonic() + 0.5)
        assert len(sandbox.ledger()) == 2
        paused = [parts.accounts.get(one.id) for one in parts.upstream.at_work()]
        assert {one.paused_for for one in paused} == {PauseReason.CREDITS}
        assert all("SEGQ_CREDITS_FLOOR" in (one.pause_message or "") for one in paused)
    finally:
        floored.askers.shutdown()
        floored.upstream.close()
        floored.redis.close()
        floored.database.close()
