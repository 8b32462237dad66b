import json
from typing import Any

import pytest

from tests.sandbox.raw_calls import exchanged, opened
from tests.sandbox.sandbox_process import KEY, SandboxProcess

RUNNING: list[dict[str, Any]] = [
    {"kind": "status", "status": 502, "body": "html"},
    {"kind": "status", "status": 200},
    {"kind": "status", "status": 429},
    {"kind": "reset"},
    {"kind": "reset", "at": "body", "how": "close"},
    {"kind": "hang", "seconds": 0},
    {"kind": "truncate"},
    {"kind": "drip", "bytes": 100_000, "every": 0},
    {"kind": "endless", "bytes": 10},
    {"kind": "content_type", "value": None},
    {"kind": "bomb"},
    {"kind": "garbage", "bytes": 10},
    {"kind": "garbage", "cut": True},
]


def wide(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.parametrize("effect", RUNNING, ids=json.dumps)
def test_a_call_that_ran_is_charged_whatever_its_answer_becomes(
    sandbox: SandboxProcess, effect: dict[str, Any]
) -> None:
    sandbox.faults({"runs": True, "effect": effect})
    exchanged(sandbox)
    (row,) = sandbox.ledger()
    assert (row["cost"], row["fault"], row["seed_used"]) == ("0.006", effect["kind"], 7)
    assert row["started_at"] <= row["finished_at"]
    assert sandbox.credits() == "99.994"


@pytest.mark.parametrize("effect", RUNNING, ids=json.dumps)
def test_a_call_that_did_not_run_costs_nothing_and_is_not_counted(
    sandbox: SandboxProcess, effect: dict[str, Any]
) -> None:
    sandbox.change(rpm=1, window_seconds=700, concurrency=1)
    sandbox.faults({"count": 3, "effect": effect})
    for _ in range(3):
        exchanged(sandbox)
    assert sandbox.call().status_code == 200
    assert sandbox.call().status_code == 429
    faulted = sandbox.ledger()[:3]
    assert wide(faulted, "cost", "fault", "started_at") == [("0", effect["kind"], None)] * 3
    assert wide(faulted, "seed_sent", "seed_used") == [(7, None)] * 3
    assert all(row["inputs"]["prompt"] == "a cup" and row["finished_at"] for row in faulted)
    assert sandbox.credits() == "99.994"


def test_a_refusal_is_the_answer_and_uses_up_no_fault(sandbox: SandboxProcess) -> None:
    sandbox.faults({"runs": True, "effect": {"kind": "status", "status": 502}})
    assert sandbox.call(model="none").status_code == 404
    assert sandbox.send(b"{}", "text/plain").status_code == 406
    assert sandbox.call(samples=9).status_code == 406
    assert sandbox.call(steps=1).status_code == 400
    sandbox.change(credits=0)
    assert sandbox.call().json() == {"error": "Insufficient credits"}
    sandbox.change(credits=1, rpm=1, window_seconds=800)
    assert [sandbox.call().status_code for _ in range(2)] == [502, 429]
    rows = wide(sandbox.ledger(), "status", "cost", "fault")
    refused = [(status, "0", None) for status in (404, 406, 406, 400, 406)]
    assert rows == [*refused, (502, "0.006", "status"), (429, "0", None)]


def test_a_refused_call_gives_its_fault_back(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=1, window_seconds=900)
    sandbox.faults({"skip": 1, "runs": True, "effect": {"kind": "status", "status": 502}})
    assert [sandbox.call().status_code for _ in range(3)] == [200, 429, 429]
    (rule,) = sandbox.http.get("/_sandbox/faults").json()["rules"]
    assert (rule["hits"], rule["left"]) == (0, 1)
    sandbox.change(rpm=2)
    assert sandbox.call().status_code == 502


def test_a_fault_that_runs_takes_the_time_of_a_call(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 0.3})
    sandbox.faults(
        {"runs": True, "effect": {"kind": "status", "status": 504}},
        {"effect": {"kind": "status", "status": 504}},
    )
    sandbox.call()
    sandbox.call()
    ran, instead = sandbox.ledger()
    assert ran["finished_at"] - ran["started_at"] > 0.28
    assert instead["finished_at"] - instead["received_at"] < 0.28


def test_a_json_answer_is_cut_as_a_jpeg_and_truncated_as_json(sandbox: SandboxProcess) -> None:
    sandbox.faults(
        {"runs": True, "effect": {"kind": "garbage", "cut": True}},
        {"runs": True, "effect": {"kind": "truncate"}},
    )
    cut = exchanged(sandbox, base64=True)
    assert cut.body.startswith(b"\xff\xd8\xff")
    assert len(cut.body) == cut.length
    half = exchanged(sandbox, base64=True)
    assert half.body.startswith(b'{"image":')
    assert len(half.body) == half.length // 2


def test_an_unread_body_does_not_turn_an_orderly_end_into_a_reset(sandbox: SandboxProcess) -> None:
    sandbox.faults({"effect": {"kind": "reset", "how": "close"}})
    body = b"x" * 3_000_000
    with opened(sandbox) as connection:
        head = f"POST /v1/ssd-canny HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert connection.recv(1) == b""
