"""Answers that break off, come wrong, or never come (scenarios 17 and 21)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import assert_promises_kept
from tests.faults.durations import FAST, SHORT
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.servers.proxy import proxied
from tests.systems.jobs_at_work import PHOTOGRAPH, all_ended, submit
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ELSEWHERE_AT_FULL_SIZE, ON_ITS_OWN_PARTS

Start = Callable[..., System]
_LOST, _GATEWAY = "connection_lost", "gateway_error"
BREAKS: dict[str, tuple[str, dict[str, Any]]] = {
    "502": (_GATEWAY, {"kind": "status", "status": 502, "body": "html"}),
    "503": (_GATEWAY, {"kind": "status", "status": 503}),
    "504": (_GATEWAY, {"kind": "status", "status": 504, "body": "empty"}),
    "reset at once": (_LOST, {"kind": "reset"}),
    "reset in the body": (_LOST, {"kind": "reset", "at": "body"}),
    "silence": (_LOST, {"kind": "hang"}),
    "cut image": (_LOST, {"kind": "truncate"}),
    "trickled body": (_LOST, {"kind": "drip", "every": 0.3}),
    "trickled head": (_LOST, {"kind": "drip", "part": "headers", "every": 0.3}),
}
WRONG: dict[str, dict[str, Any]] = {
    "error in a 200": {"kind": "status", "status": 200, "error": "the model fell over"},
    "page in a 200": {"kind": "status", "status": 200, "body": "html"},
    "bomb": {"kind": "bomb"},
    "half an image": {"kind": "garbage", "cut": True},
    "without an end": {"kind": "endless"},
}


_DOUBTS = "SELECT doubt_ended FROM attempts WHERE in_doubt_at IS NOT NULL"


def _rule(prompt: str, effect: Mapping[str, Any], *, runs: bool) -> dict[str, Any]:
    return {"match": {"prompt": prompt}, "effect": effect, "runs": runs}


def _submit(system: System, prompts: list[str]) -> dict[str, str]:
    values = [{"image": PHOTOGRAPH, "prompt": prompt} for prompt in prompts]
    return {one["prompt"]: system.client.submit("ssd-canny", one).id for one in values}


@pytest.mark.parametrize("runs", [True, False], ids=["it ran", "it did not run"])
@ELSEWHERE_AT_FULL_SIZE
def test_a_call_that_breaks_off_is_in_doubt_and_is_not_sent_again(
    runs: bool, system: Start
) -> None:
    """17: from outside the two look the same; the history tells them apart."""
    one = system(**SHORT)
    one.settings(latency=FAST)
    one.sandbox.faults(*(_rule(name, effect, runs=runs) for name, (_, effect) in BREAKS.items()))
    ids = _submit(one, [*BREAKS, "fine"])
    report = assert_promises_kept(one, list(ids.values()))
    jobs = {prompt: one.client.get(job) for prompt, job in ids.items()}
    assert {prompt: job.state for prompt, job in jobs.items()} == {
        **dict.fromkeys(BREAKS, "succeeded" if runs else "in_doubt"),
        "fine": "succeeded",
    }
    ended = [row["doubt_ended"] for row in one.sql(_DOUBTS)]
    assert ended == ["recovered" if runs else None] * len(BREAKS)
    if not runs:
        assert {prompt: jobs[prompt].raw["error"]["kind"] for prompt in BREAKS} == {
            prompt: kind for prompt, (kind, _) in BREAKS.items()
        }
    assert report.calls == len(ids)


@ON_ITS_OWN_PARTS
def test_what_is_no_image_is_paid_for_and_fails_in_bounded_memory(system: Start) -> None:
    """21: the charge is kept, and nobody asks again by himself."""
    one = system(**{**SHORT, "SEGMIND_TIMEOUT": "10"})
    one.settings(latency=FAST)
    label = {"kind": "content_type", "value": "text/html"}
    rules = [_rule(name, effect, runs=True) for name, effect in WRONG.items()]
    one.sandbox.faults(*rules, _rule("wrong label", label, runs=True))
    ids = _submit(one, [*WRONG, "wrong label"])
    # Some of them take the place of the headers that tell what it cost.
    assert_promises_kept(one, list(ids.values()), estimated=len(WRONG))
    jobs = {prompt: one.client.get(job) for prompt, job in ids.items()}
    assert jobs.pop("wrong label").state == "succeeded"
    for prompt, job in jobs.items():
        error = job.raw["error"]
        assert (job.state, error["kind"], job.raw["cost"]) == (
            "failed", "result_rejected", "0.006",
        ), prompt  # fmt: skip
    status = Path(f"/proc/{one.pid('worker-1')}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    assert int(peak) < 600_000, f"the worker took {peak} kB"


@ON_ITS_OWN_PARTS
def test_what_provably_never_left_is_sent_again_for_free(system: Start, tmp_path: Path) -> None:
    """17: connections that are refused, and a name that nobody knows."""
    sandbox = SandboxProcess()
    try:
        with proxied(int(sandbox.url.rpartition(":")[2])) as proxy:
            sandbox.change(latency=FAST)
            proxy.refuses()
            there = {"SEGMIND_API_KEY": KEY, "SEGQ_HOME": str(tmp_path / "home")}
            one = system(**SHORT, **there, SEGMIND_BASE_URL="http://segmind.invalid")
            ids = submit(one, 3)
            _wait_for_unsent(one, at_least=2)
            assert one.segq("down").returncode == 0
            url = f"http://127.0.0.1:{proxy.port}"
            one = system(**SHORT, **there, SEGMIND_BASE_URL=url)
            one.upstream = sandbox.url
            ids += submit(one, 3)
            _wait_for_unsent(one, at_least=6)
            assert not sandbox.ledger()
            proxy.passes()
            report = assert_promises_kept(one, ids)
            assert report.states == {"succeeded": 6}
            assert {job.raw["attempts"] for job in all_ended(one, ids)} == {1}
            assert one.segq("down").returncode == 0
    finally:
        sandbox.end()


def _wait_for_unsent(system: System, at_least: int) -> None:
    unsent = "SELECT count(*) AS calls FROM attempts WHERE outcome = 'not_sent'"
    wait_until(
        lambda: bool(system.sql(unsent)[0]["calls"] >= at_least), "calls that never left", 40
    )
