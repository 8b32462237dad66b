"""Accounts that pause and come back while a whole system runs: nothing is lost, spent or repeated."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from tests.systems.jobs_at_work import all_ended, states, submit, wait_for_states
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
FAST = {"median": 0.05, "sigma": 0.1}
SOON = {"SEGMIND_RPM": "60000", "SEGQ_PROBE_SECONDS": "0.3", "SEGQ_SLOTS": "8"}
PRICE = Decimal("0.006")


def _pause(system: System) -> dict[str, Any] | None:
    (account,) = system.client.account()["accounts"]
    found: dict[str, Any] | None = account["pause"]
    return found


def _wait_for_pause(system: System, reason: str) -> dict[str, Any]:
    def met() -> bool:
        pause = _pause(system)
        return pause is not None and pause["reason"] == reason

    wait_until(met, f"the account pauses: {reason}", timeout=60)
    found = _pause(system)
    assert found is not None
    return found


def _at_rest(system: System) -> int:
    """How many calls there were when none was under way any more."""
    wait_until(lambda: states(system)["running"] == 0, "no call under way", timeout=60)
    return len(system.ledger())


def _probes(system: System, count: int) -> None:
    """Wait until the balance was read so often once more."""

    def read_at() -> str:
        return str(system.sql("SELECT credits_arrived_at AS at FROM accounts")[0]["at"])

    for _ in range(count):
        last = read_at()
        wait_until(lambda last=last: read_at() != last, "the balance is read again", timeout=60)  # type: ignore[misc]  # bound now


def _assert_all_succeeded(system: System, ids: list[str], beside: Sequence[str] = ()) -> None:
    """Each with one attempt and one paid call, whatever it waited for; SQL and ledger agree.

    `beside`: the others that were paid for.
    """
    ids = [*ids, *beside]
    jobs = all_ended(system, ids, timeout=120)
    assert {job.state for job in jobs} == {"succeeded"}
    assert {job.raw["attempts"] for job in jobs} == {1}
    paid = [row for row in system.ledger() if Decimal(row["cost"]) > 0]
    assert len(paid) == len(ids)
    assert sorted(Decimal(row["cost"]) for row in paid) == sorted(
        Decimal(job.raw["cost"]) for job in jobs
    )


def test_credits_that_run_out_and_come_back_cost_no_attempt(system: Start) -> None:
    one = system(**SOON)
    one.settings(latency=FAST, credits=str(40 * PRICE))
    ids = submit(one, 100)
    # It may pause a little early, with what is under way reckoned in, and goes on at the next probe.
    wait_until(lambda: states(one) == {"succeeded": 40, "queued": 60}, "all is spent", timeout=60)
    pause = _wait_for_pause(one, "credits")
    calls = _at_rest(one)
    assert pause["since"]
    assert "top it up" in pause["what_to_do"]
    waiting = [job.raw for job in (one.client.get(i) for i in ids) if job.state == "queued"]
    assert {job["waiting_for"] for job in waiting} == {"credits"}
    _probes(one, 2)
    assert len(one.ledger()) == calls, "no call leaves while the account pauses"
    one.settings(credits="5")
    _assert_all_succeeded(one, ids)
    assert _pause(one) is None


@ON_ITS_OWN_PARTS
def test_a_key_that_is_refused_for_a_while_costs_no_attempt(system: Start) -> None:
    one = system(**SOON)
    one.settings(latency=FAST)
    refusal = {"kind": "status", "status": 401, "error": "key on hold"}
    one.sandbox.faults({"match": {"path": "/v1/ssd-canny"}, "skip": 10, "count": None,
                        "effect": refusal},
                       {"match": {"path": "/v1/get-user-credits"}, "count": None,
                        "effect": refusal})  # fmt: skip
    ids = submit(one, 60)
    pause = _wait_for_pause(one, "key_refused")
    assert "key on hold" in pause["said"]
    calls = _at_rest(one)
    assert states(one) == {"succeeded": 10, "queued": 50}
    waiting = next(job for job in (one.client.get(i) for i in ids) if job.state == "queued")
    # What is told may be a moment old.
    wait_until(lambda: one.client.get(waiting.id).waiting_for == "paused", "it says so", timeout=3)
    hits = one.sandbox.hits()
    wait_until(lambda: one.sandbox.hits() >= hits + 2, "the key is tried again, for free")
    assert len(one.ledger()) == calls
    one.sandbox.faults()
    _assert_all_succeeded(one, ids)


@ON_ITS_OWN_PARTS
def test_a_forbidden_model_waits_for_the_operator_while_the_other_goes_on(system: Start) -> None:
    one = system(**SOON)
    one.settings(latency=FAST)
    one.sandbox.faults({"match": {"model": "ssd-canny"}, "count": None,
                        "effect": {"kind": "status", "status": 403, "error": "not in your plan"}})  # fmt: skip
    kept = submit(one, 40)
    wait_until(
        lambda: bool(one.client.account()["accounts"][0]["paused_models"]), "the model pauses"
    )
    others = [one.client.submit("ssd-1b", {"prompt": f"picture {n}"}).id for n in range(20)]
    assert {job.state for job in all_ended(one, others)} == {"succeeded"}
    (account,) = one.client.account()["accounts"]
    assert account["pause"] is None
    (paused,) = account["paused_models"]
    assert (paused["model"], paused["reason"]) == ("ssd-canny", "forbidden")
    assert "not in your plan" in paused["said"]
    assert "segq account resume" in paused["what_to_do"]
    wait_until(lambda: states(one)["running"] == 0, "no call under way")
    jobs = [one.client.get(job).raw for job in kept]
    assert {(job["state"], job["attempts"], job["waiting_for"]) for job in jobs} == {
        ("queued", 0, "paused")
    }
    (late,) = kept[-1:]
    assert one.client.cancel(late).state == "canceled"

    one.sandbox.faults()
    done = one.segq("account", "resume", "ssd-canny")
    assert done.returncode == 0, done.stderr
    assert "ssd-canny" in done.stdout
    _assert_all_succeeded(one, kept[:-1], beside=others)
    wait_for_states(one, succeeded=59, canceled=1)
