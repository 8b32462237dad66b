import json
import re
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.raw_calls import opened
from tests.sandbox.sandbox_process import CALL, KEY, OTHER_KEY, SandboxProcess, decoded, until

METRICS = {"cost", "remaining_credits", "inference_time", "queue_time", "total_time"}


def exact(text: str) -> Any:
    """JSON with its numbers as the texts that stand in it."""
    return json.loads(text, parse_float=str, parse_int=str)


def test_a_request_is_answered_at_once_with_its_addresses(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 3}, queue={"median": 3})
    begun = time.monotonic()
    answer = sandbox.submit()
    assert time.monotonic() - begun < 2.5
    assert answer.status_code == 200
    shown = answer.json()
    assert set(shown) == {"request_id", "status", "poll_url", "status_url", "response_url"}
    assert re.fullmatch("[0-9a-f]{32}", shown["request_id"])
    assert shown["status"] == "QUEUED"
    whole = f"{sandbox.url}/v2/requests/{shown['request_id']}"
    assert shown["response_url"] == shown["poll_url"] == whole
    assert shown["status_url"] == f"{whole}/status"


def test_addresses_are_on_the_origin_that_was_asked(sandbox: SandboxProcess) -> None:
    headers = {"x-api-key": KEY, "host": "provider.example:81"}
    shown = sandbox.http.post("/v2/ssd-canny", json=CALL, headers=headers).json()
    request_id = shown["request_id"]
    assert shown["status_url"] == f"http://provider.example:81/v2/requests/{request_id}/status"
    sandbox.ended(request_id)
    record = sandbox.http.get(f"/v2/requests/{request_id}", headers=headers).json()
    assert record["output"].startswith("http://provider.example:81/outputs/")


def test_a_request_goes_from_the_queue_through_processing_to_its_end(
    sandbox: SandboxProcess,
) -> None:
    sandbox.change(queue={"median": 0.6}, latency={"median": 0.6})
    request_id = sandbox.submitted()
    seen: list[str] = []

    def ended() -> bool:
        status = str(sandbox.ask(f"/v2/requests/{request_id}/status").json()["status"])
        if status not in seen:
            seen.append(status)
        return status == "COMPLETED"

    until(ended)
    assert seen == ["QUEUED", "PROCESSING", "COMPLETED"]
    metrics = sandbox.record(request_id).json()["metrics"]
    assert 0.55 < metrics["queue_time"] < 5
    assert 0.55 < metrics["inference_time"] < 5
    total = metrics["queue_time"] + metrics["inference_time"]
    assert metrics["total_time"] == pytest.approx(total, abs=0.01)


def test_speed_divides_the_queue_too(sandbox: SandboxProcess) -> None:
    sandbox.change(queue={"median": 3000}, speed=100_000)
    assert 0.02 < sandbox.ended(sandbox.submitted()).json()["metrics"]["queue_time"] < 5


def test_a_completed_record_tells_the_whole(sandbox: SandboxProcess) -> None:
    request_id = sandbox.submitted()
    answer = sandbox.ended(request_id)
    assert answer.status_code == 200
    record = exact(answer.text)
    assert set(record) == {"request_id", "status", "error", "metrics", "output", "images"}
    assert (record["request_id"], record["status"]) == (request_id, "COMPLETED")
    assert record["error"] is None
    assert set(record["metrics"]) == METRICS
    assert record["metrics"]["cost"] == "0.006"
    assert record["metrics"]["remaining_credits"] == sandbox.credits() == "99.994"
    assert record["images"] == [{"url": record["output"], "content_type": "image/jpeg"}]
    assert decoded(sandbox.http.get(record["output"]).content).width > 100


def test_a_status_has_no_output(sandbox: SandboxProcess) -> None:
    request_id = sandbox.submitted()
    sandbox.ended(request_id)
    answer = sandbox.ask(f"/v2/requests/{request_id}/status")
    shown = exact(answer.text)
    assert set(shown) == {"status", "request_id", "metrics"}
    assert (shown["status"], shown["metrics"]["cost"]) == ("COMPLETED", "0.006")


def test_what_is_not_known_yet_is_null(sandbox: SandboxProcess) -> None:
    sandbox.change(queue={"median": 30})
    record = sandbox.record(sandbox.submitted()).json()
    assert (record["status"], record["output"], "images" in record) == ("QUEUED", None, False)
    assert record["metrics"] == dict.fromkeys(METRICS)


def test_images_can_be_left_out(sandbox: SandboxProcess) -> None:
    sandbox.change(v2_images=False)
    assert "images" not in sandbox.ended(sandbox.submitted()).json()


@pytest.mark.parametrize("form", ["list", "first"])
def test_several_samples_are_several_outputs(sandbox: SandboxProcess, form: str) -> None:
    sandbox.change(v2_output=form)
    record = sandbox.ended(sandbox.submitted(samples=3)).json()
    urls = [image["url"] for image in record["images"]]
    assert len(set(urls)) == 3
    assert record["output"] == (urls if form == "list" else urls[0])
    assert len({sandbox.http.get(url).content for url in urls}) == 3
    assert record["metrics"]["cost"] == 0.018


def test_v2_draws_what_v1_draws(sandbox: SandboxProcess) -> None:
    record = sandbox.ended(sandbox.submitted()).json()
    assert sandbox.http.get(record["output"]).content == sandbox.call().content


def test_a_body_that_never_arrives_whole_is_nothing(sandbox: SandboxProcess) -> None:
    with opened(sandbox) as connection:
        connection.sendall(
            f"POST /v2/ssd-canny HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n".encode()
            + b'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"prompt"'
        )
    sandbox.ended(sandbox.submitted())
    assert len(sandbox.ledger()) == len(sandbox.rows()) == 1


def test_a_request_runs_whatever_its_client_does(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 0.3})
    body = json.dumps(CALL).encode()
    with opened(sandbox) as connection:
        connection.sendall(
            f"POST /v2/ssd-canny HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
    until(lambda: [row["state"] for row in sandbox.ledger()] == ["completed"])
    assert sandbox.credits() == "99.994"


def test_money_is_taken_at_the_start(sandbox: SandboxProcess) -> None:
    sandbox.change(credits="0.006", queue={"median": 0.3})
    request_id = sandbox.submitted()
    assert Decimal(sandbox.credits()) == 0
    assert sandbox.submit().json() == {"error": "Insufficient credits"}
    assert sandbox.ended(request_id).json()["status"] == "COMPLETED"


def test_the_checks_are_those_of_v1_in_the_same_order(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=4, window_seconds=3100, credits="0.006")
    key = {"x-api-key": KEY}
    text = key | {"content-type": "text/plain"}
    good = key | {"content-type": "application/json"}
    post = sandbox.http.post
    assert post("/v2/none", headers={"content-type": "text/plain"}).status_code == 401
    assert sandbox.http.put("/v2/none", headers=text).status_code == 405
    assert post("/v2/none", headers=text).json() == {"error": "Model not found: none"}
    assert post("/v2/ssd-canny", headers=text).json() == {"error": "Invalid content type"}
    assert post("/v2/ssd-canny", headers=good, content=b" " * 30_000_001).status_code == 413
    assert post("/v2/ssd-canny", headers=good, content=b"{").status_code == 400
    assert sandbox.submit(steps=1).status_code == 400
    assert sandbox.submit(seed=-2).status_code == 406
    assert sandbox.submit(samples=2).json() == {"error": "Insufficient credits"}
    assert sandbox.submit().json() == {"error": "Rate limit exceeded"}
    rows = sandbox.ledger()
    assert [row["status"] for row in rows] == [405, 404, 406, 413, 400, 400, 406, 406, 429]
    assert {(row["transport"], row["state"], row["cost"]) for row in rows} == {
        ("v2", "refused", "0")
    }
    assert sandbox.rows() == []


def test_both_transports_share_a_window_and_the_calls_in_flight(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=3, window_seconds=3200, concurrency=1, queue={"median": 0.4})
    request_id = sandbox.submitted()
    assert sandbox.call().json() == {"error": "Too many concurrent requests"}
    assert sandbox.submit().json() == {"error": "Too many concurrent requests"}
    sandbox.ended(request_id)
    assert sandbox.call().status_code == 200
    assert sandbox.submit().status_code == 200
    until(lambda: sandbox.call().json() == {"error": "Rate limit exceeded"})
    refused = sandbox.submit()
    assert refused.status_code == 429
    assert "x-rate-limit-reset-at-utc" in refused.headers


def test_the_ledger_knows_a_request_by_its_id(sandbox: SandboxProcess) -> None:
    sandbox.change(queue={"median": 0.4})
    request_id = sandbox.submitted(seed=-1)
    (row,) = sandbox.ledger()
    assert (row["id"], row["transport"]) == (request_id, "v2")
    assert (row["state"], row["status"], row["cost"]) == ("pending", 200, "0.006")
    assert row["finished_at"] is None
    sandbox.ended(request_id)
    (row,) = sandbox.ledger()
    assert (row["state"], row["status"], row["cost"]) == ("completed", 200, "0.006")
    assert row["finished_at"] - row["started_at"] > 0.35
    assert (row["seed_sent"], row["seed_used"] >= 0, row["fault"]) == (-1, True, None)


@pytest.mark.parametrize("path", ["", "/status"])
def test_a_record_is_its_own_keys_alone(sandbox: SandboxProcess, path: str) -> None:
    request_id = sandbox.submitted()
    v1 = sandbox.call().headers["x-request-id"]
    for key, asked in ((OTHER_KEY, request_id), (KEY, "0" * 32), (KEY, v1)):
        answer = sandbox.ask(f"/v2/requests/{asked}{path}", key)
        assert answer.status_code == 404
        assert set(answer.json()) == {"error"}
    address = f"/v2/requests/{request_id}{path}"
    assert sandbox.http.get(address).status_code == 401
    wrong_verb = sandbox.http.post(address, headers={"x-api-key": KEY})
    assert (wrong_verb.status_code, wrong_verb.headers["allow"]) == (405, "GET")


def test_a_record_expires_and_the_history_keeps_it(sandbox: SandboxProcess) -> None:
    request_id = sandbox.submitted()
    sandbox.ended(request_id)
    sandbox.change(record_seconds=0.5)
    until(lambda: sandbox.record(request_id).status_code == 404)
    for path in ("", "/status"):
        answer = sandbox.ask(f"/v2/requests/{request_id}{path}")
        assert (answer.status_code, set(answer.json())) == (404, {"error"})
    (row,) = sandbox.rows()
    assert row["request_id"] == request_id
    assert sandbox.ask(f"/inference-request/request-history/{request_id}").status_code == 200


def test_polls_count_only_if_they_are_made_to(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=3, window_seconds=3300)
    request_id = sandbox.submitted()
    assert [sandbox.record(request_id).status_code for _ in range(5)] == [200] * 5
    sandbox.change(polls_count=True)
    assert sandbox.record(request_id).status_code == 200
    assert sandbox.ask(f"/v2/requests/{request_id}/status").status_code == 200
    for path in ("", "/status"):
        refused = sandbox.ask(f"/v2/requests/{request_id}{path}")
        assert (refused.status_code, refused.json()) == (429, {"error": "Rate limit exceeded"})
        assert "x-rate-limit-reset-at-utc" in refused.headers
    assert sandbox.submit().status_code == 429


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"prompt": "a"}', b'{"image": 5, "seed": -2}'])
def test_a_malformed_body_may_be_let_in_to_fail(sandbox: SandboxProcess, body: bytes) -> None:
    headers = {"x-api-key": KEY, "content-type": "application/json"}
    assert sandbox.http.post("/v2/ssd-canny", content=body, headers=headers).status_code == 400
    sandbox.change(v2_malformed="accept")
    answer = sandbox.http.post("/v2/ssd-canny", content=body, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "QUEUED")
    ended = sandbox.ended(answer.json()["request_id"])
    assert (ended.status_code, ended.json()["status"]) == (422, "FAILED")
    assert ended.json()["error"]
    assert sandbox.credits() == "100"
    refused, accepted = sandbox.ledger()
    assert (refused["state"], accepted["state"]) == ("refused", "failed")
    (row,) = sandbox.rows()
    assert (row["model_status"], row["credits_deduction"]) == ("FAILED", 0)


def test_forgetting_ends_what_is_under_way_and_charges_nothing(sandbox: SandboxProcess) -> None:
    sandbox.change(concurrency=1, queue={"median": 30})
    request_id = sandbox.submitted()
    assert sandbox.http.delete("/_sandbox/history").status_code == 204
    (row,) = sandbox.ledger()
    assert (row["state"], row["cost"], sandbox.credits()) == ("failed", "0", "100.000")
    assert sandbox.record(request_id).status_code == 404
    assert sandbox.rows() == []
    assert sandbox.call().status_code == 200  # nothing is in flight


def test_v1_refuses_a_malformed_body_all_the_same(sandbox: SandboxProcess) -> None:
    sandbox.change(v2_malformed="accept")
    assert sandbox.call(steps=1).status_code == 400
