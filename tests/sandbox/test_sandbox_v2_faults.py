from typing import Any

import httpx
import pytest

from tests.sandbox.sandbox_process import KEY, SandboxProcess, until

HIDING: list[dict[str, Any]] = [
    {"kind": "status", "status": 502, "body": "html"},
    {"kind": "reset"},
    {"kind": "hang", "seconds": 0},
    {"kind": "truncate", "fraction": 0.1},
    {"kind": "garbage"},
]


def posted(sandbox: SandboxProcess, **changes: Any) -> httpx.Response | None:
    """The answer, None where none came whole."""
    try:
        return sandbox.submit(**changes)
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("effect", HIDING, ids=lambda effect: str(effect["kind"]))
def test_a_request_whose_answer_is_spoiled_runs_to_its_end(
    sandbox: SandboxProcess, effect: dict[str, Any]
) -> None:
    sandbox.change(latency={"median": 0.2})
    sandbox.faults({"match": {"path": "/v2/ssd-canny"}, "runs": True, "effect": effect})
    answer = posted(sandbox)
    until(lambda: [row["state"] for row in sandbox.ledger()] == ["completed"])
    (row,) = sandbox.ledger()
    assert (row["cost"], row["fault"]) == ("0.006", effect["kind"])
    statuses = {"status": 502, "truncate": 200, "garbage": 200}
    assert row["status"] == statuses.get(effect["kind"])
    assert row["finished_at"] - row["started_at"] > 0.18
    assert answer is None or row["id"] not in answer.text
    assert sandbox.credits() == "99.994"
    (listed,) = sandbox.rows()
    assert (listed["request_id"], listed["model_status"]) == (row["id"], "COMPLETED")
    assert sandbox.record(row["id"]).json()["status"] == "COMPLETED"


@pytest.mark.parametrize("effect", HIDING, ids=lambda effect: str(effect["kind"]))
def test_a_fault_in_a_requests_place_leaves_nothing_behind(
    sandbox: SandboxProcess, effect: dict[str, Any]
) -> None:
    sandbox.faults({"match": {"path": "/v2/*"}, "effect": effect})
    posted(sandbox)
    (row,) = sandbox.ledger()
    assert (row["state"], row["cost"], row["fault"]) == ("refused", "0", effect["kind"])
    assert row["finished_at"] is not None
    assert sandbox.rows() == []
    assert sandbox.record(row["id"]).status_code == 404


def test_a_late_true_answer_in_a_requests_place_names_none_that_exists(
    sandbox: SandboxProcess,
) -> None:
    sandbox.faults({"effect": {"kind": "hang", "seconds": 0, "then": "answer"}})
    shown = sandbox.submit().json()
    assert shown["status"] == "QUEUED"
    assert sandbox.record(shown["request_id"]).status_code == 404


def test_a_refused_request_gives_its_fault_back(sandbox: SandboxProcess) -> None:
    sandbox.faults({"runs": True, "effect": {"kind": "status", "status": 502}})
    assert sandbox.submit(seed=-2).status_code == 406
    (rule,) = sandbox.http.get("/_sandbox/faults").json()["rules"]
    assert rule["left"] == 1
    assert sandbox.submit().status_code == 502


def test_an_inference_fails_over_v2(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 0.2})
    sandbox.faults({"effect": {"kind": "fails", "error": "CUDA out of memory"}})
    request_id = sandbox.submitted()
    assert sandbox.credits() == "99.994"
    whole = sandbox.ended(request_id)
    status = sandbox.ask(f"/v2/requests/{request_id}/status")
    assert whole.status_code == status.status_code == 422
    assert (whole.json()["status"], status.json()["status"]) == ("FAILED", "FAILED")
    assert whole.json()["error"] == status.json()["error"] == "CUDA out of memory"
    assert whole.json()["output"] is None
    assert whole.json()["metrics"]["cost"] == 0
    assert whole.json()["metrics"]["inference_time"] > 0.18
    assert sandbox.credits() == "100.000"
    (row,) = sandbox.ledger()
    assert (row["state"], row["status"], row["cost"]) == ("failed", 200, "0")
    assert row["fault"] == "fails"
    (listed,) = sandbox.rows()
    assert (listed["model_status"], listed["error"]) == ("FAILED", "CUDA out of memory")
    assert (listed["credits_deduction"], listed["generation_url"]) == (0, None)


def test_an_inference_fails_over_v1(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 0.2})
    sandbox.faults({"effect": {"kind": "fails", "error": "CUDA out of memory"}})
    answer = sandbox.call()
    assert (answer.status_code, answer.json()) == (500, {"error": "CUDA out of memory"})
    (row,) = sandbox.ledger()
    assert (row["state"], row["status"], row["cost"]) == ("failed", 500, "0")
    assert row["fault"] == "fails"
    assert row["finished_at"] - row["started_at"] > 0.18
    assert [listed["error"] for listed in sandbox.rows()] == ["CUDA out of memory"]
    assert sandbox.call().status_code == 200


def test_a_refused_call_fails_no_inference(sandbox: SandboxProcess) -> None:
    sandbox.faults({"effect": {"kind": "fails", "error": "no"}})
    assert sandbox.call(seed=-2).status_code == 406
    assert sandbox.ledger()[0]["fault"] is None
    assert sandbox.credits() == "100"  # where nothing runs, nothing fails
    assert sandbox.call().status_code == 500


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"seed": 7}, True),
        ({"seed": 8}, False),
        ({"prompt": "cup"}, True),
        ({"prompt": "tea"}, False),
        ({"model": "ssd-canny", "key": KEY}, True),
        ({"path": "/v1/*"}, False),
    ],
)
def test_a_rule_knows_model_prompt_and_seed_over_v2(
    sandbox: SandboxProcess, match: dict[str, Any], hit: bool
) -> None:
    sandbox.faults({"match": match, "effect": {"kind": "status", "status": 418}})
    assert sandbox.submit().status_code == (418 if hit else 200)


def test_reads_meet_faults_by_prefix(sandbox: SandboxProcess) -> None:
    request_id = sandbox.submitted()
    url = sandbox.ended(request_id).json()["output"]
    paths = {
        "/v2/requests/*": [f"/v2/requests/{request_id}", f"/v2/requests/{request_id}/status"],
        f"/v2/requests/{request_id}/status": [f"/v2/requests/{request_id}/status"],
        "/inference-request/*": [
            "/inference-request/request-history",
            f"/inference-request/request-history/{request_id}",
        ],
        "/outputs/*": [url.removeprefix(sandbox.url)],
    }
    for rule, met in paths.items():
        effect = {"kind": "status", "status": 418}
        sandbox.faults({"match": {"path": rule}, "count": None, "effect": effect})
        for several in paths.values():
            for path in several:
                assert sandbox.ask(path).status_code == (418 if path in met else 200), path
        sandbox.clear_faults()
    assert len(sandbox.ledger()) == 1


def test_a_page_of_the_history_can_be_cut(sandbox: SandboxProcess) -> None:
    sandbox.call()
    whole = sandbox.ask("/inference-request/request-history")
    assert whole.json()["total"] == 1
    sandbox.faults(
        {"effect": {"kind": "content_type", "value": "text/html"}},
        {"effect": {"kind": "truncate"}},
    )
    wrong = sandbox.ask("/inference-request/request-history")
    assert (wrong.headers["content-type"], wrong.content) == ("text/html", whole.content)
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.ask("/inference-request/request-history")


def test_a_faulted_read_still_needs_its_key(sandbox: SandboxProcess) -> None:
    sandbox.faults({"count": None, "effect": {"kind": "status", "status": 418}})
    assert sandbox.http.get("/v2/requests/1").status_code == 401
    assert sandbox.http.get("/inference-request/request-history").status_code == 401
    # Outputs need none, so a rule that names a key is not for them.
    assert sandbox.http.get("/outputs/1.jpeg").status_code == 418
    sandbox.clear_faults()
    sandbox.faults({"match": {"key": KEY}, "effect": {"kind": "status", "status": 418}})
    assert sandbox.http.get("/outputs/1.jpeg").status_code == 404


def test_an_unstated_rate_limit_of_an_output_ends_with_the_window(sandbox: SandboxProcess) -> None:
    sandbox.faults({"match": {"path": "/outputs/*"}, "effect": {"kind": "status", "status": 429}})
    assert "x-rate-limit-reset-at-utc" in sandbox.http.get("/outputs/1.jpeg").headers


def test_a_spoiled_answer_is_not_the_end_of_its_request(sandbox: SandboxProcess) -> None:
    sandbox.change(queue={"median": 3_000, "sigma": 0})
    sandbox.faults({"runs": True, "effect": {"kind": "status", "status": 502}})
    assert sandbox.submit().status_code == 502
    (row,) = sandbox.ledger()
    assert (row["state"], row["status"], row["finished_at"]) == ("pending", 502, None)
