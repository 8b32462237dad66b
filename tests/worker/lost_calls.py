"""Calls that come into doubt: one whose answer is lost, one whose worker dies before it sends."""

import json
from datetime import timedelta
from typing import Any

from db.rows import Job, Terms
from jobs.doubts import DoubtTiming
from tests.sandbox.sandbox_process import SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.one_account import only
from worker.calling import sent_inputs
from worker.parts import Parts
from worker.run import run_ticket
from worker.sweeper import sweep

AT_ONCE = DoubtTiming(
    patience=timedelta(minutes=30),
    absent_after=timedelta(minutes=10),
    between_passes=timedelta(milliseconds=1),
    look_every=timedelta(milliseconds=1),
)
LOST = {"runs": True, "effect": {"kind": "reset"}}
CUT = {"runs": True, "effect": {"kind": "truncate"}}
"""The headers come, and with them the id of the request."""


def lose_answer(parts: Parts, sandbox: SandboxProcess, **rule: Any) -> None:
    """The next call runs and is paid for, and its answer never comes."""
    sandbox.faults({**LOST, **rule})
    run_ticket(parts)


def lose_worker(parts: Parts) -> dict[str, Any]:
    """Claim the next job as a worker that dies before it sends; its inputs as they would be sent."""
    claims = parts.runs.claim(parts.pool, only(parts).id, terms=Terms(timedelta()))
    assert isinstance(claims, list)
    sweep(parts)
    return sent_inputs(parts.inputs, parts.artifacts, claims[0].job, claims[0].seed)


def succeed_later(parts: Parts, submit: Submit, **values: object) -> Job:
    """Another call that is settled: a history that lists it has caught up."""
    job = submit(**{"prompt": "later", **values})
    assert run_ticket(parts).outcome == "succeeded"
    return job


def page_of(*rows: dict[str, Any]) -> dict[str, Any]:
    """A history of these rows alone."""
    raw = json.dumps({"data": list(rows), "total": len(rows), "total_pages": 1})
    return {
        "match": {"path": "/inference-request/*"},
        "count": None,
        "effect": {
            "kind": "status",
            "status": 200,
            "body": "raw",
            "raw": raw,
            "content_type": "application/json",
        },
    }
