import json
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.raw_calls import begun
from tests.sandbox.sandbox_process import CALL, KEY, OTHER_KEY, SandboxProcess, until

PATH = "/inference-request/request-history"
NAMES = {
    *("request_id", "model_name", "model_status", "credits_deduction", "request_body"),
    *("generation_url", "latency_ms", "model_created", "updated_at", "error"),
}


def seeds(rows: list[dict[str, Any]]) -> list[int]:
    return [row["request_body"]["seed"] for row in rows]


@pytest.mark.parametrize("transport", ["v1", "v2"])
def test_a_row_tells_the_whole_call(sandbox: SandboxProcess, transport: str) -> None:
    sandbox.change(latency={"median": 0.2})
    before = time.time()
    if transport == "v1":
        request_id = sandbox.call().headers["x-request-id"]
    else:
        request_id = sandbox.submitted()
        sandbox.ended(request_id)
    answer = sandbox.ask(PATH)
    (row,) = json.loads(answer.text, parse_float=str)["data"]
    assert set(row) == NAMES
    assert (row["request_id"], row["model_name"]) == (request_id, "ssd-canny")
    assert (row["model_status"], row["credits_deduction"]) == ("COMPLETED", "0.006")
    assert row["request_body"] == CALL
    assert sandbox.http.get(row["generation_url"]).status_code == 200
    assert 180 < row["latency_ms"] < 5_000
    created, updated = (datetime.fromisoformat(row[one]) for one in ("model_created", "updated_at"))
    assert created.utcoffset() == timedelta(0)
    assert before - 0.01 <= created.timestamp() <= updated.timestamp() - 0.18 <= time.time()
    assert row["error"] is None
    assert sandbox.ask(f"{PATH}/{request_id}").json() == answer.json()["data"][0]


def test_the_providers_clock_dates_the_rows(sandbox: SandboxProcess) -> None:
    sandbox.change(clock_offset=-3_600)
    sandbox.call()
    today = datetime.fromtimestamp(time.time() - 3_600, UTC).date().isoformat()
    (row,) = sandbox.rows(from_date=today, to_date=today)
    for name in ("model_created", "updated_at"):
        stated = datetime.fromisoformat(row[name]).timestamp()
        assert stated == pytest.approx(time.time() - 3_600, abs=5)


def test_the_default_days_are_the_providers(sandbox: SandboxProcess) -> None:
    sandbox.change(clock_offset=86_400)
    sandbox.call()
    assert len(sandbox.rows()) == 1
    sandbox.change(clock_offset=0)
    assert sandbox.rows() == []  # of tomorrow


@pytest.mark.parametrize("transport", ["v1", "v2"])
def test_a_call_in_flight_is_pending(sandbox: SandboxProcess, transport: str) -> None:
    sandbox.change(latency={"median": 3})
    if transport == "v2":
        sandbox.submitted()
    else:
        begun(sandbox).close()
    until(lambda: sandbox.rows() != [])
    (row,) = sandbox.rows()
    assert (row["model_status"], row["credits_deduction"]) == ("PENDING", 0)
    assert (row["generation_url"], row["latency_ms"], row["error"]) == (None, None, None)


def test_refused_calls_leave_no_row(sandbox: SandboxProcess) -> None:
    sandbox.call(seed=-2)
    sandbox.call(steps=1)
    sandbox.send(b"{")
    sandbox.call(model="none")
    sandbox.change(credits=0)
    sandbox.call()
    sandbox.change(credits=1, rpm=1, window_seconds=4000)
    assert [sandbox.call(seed=seed).status_code for seed in (1, 2)] == [200, 429]
    assert seeds(sandbox.rows()) == [1]


def test_a_call_whose_answer_a_fault_spoiled_is_listed_as_it_ran(sandbox: SandboxProcess) -> None:
    effect = {"kind": "status", "status": 502}
    sandbox.faults({"runs": True, "effect": effect}, {"effect": effect})
    assert [sandbox.call(seed=seed).status_code for seed in (1, 2)] == [502, 502]
    (row,) = sandbox.rows()
    assert (seeds([row]), row["model_status"], row["error"]) == ([1], "COMPLETED", None)
    assert row["credits_deduction"] == 0.006


def test_several_outputs_are_several_rows_with_the_full_cost(sandbox: SandboxProcess) -> None:
    request_id = sandbox.call(samples=3).headers["x-request-id"]
    sandbox.call(seed=9)
    page = sandbox.history(sort_order="asc")
    assert (page["total"], page["total_pages"]) == (4, 1)
    three = page["data"][:3]
    assert {row["request_id"] for row in three} == {request_id}
    assert [row["credits_deduction"] for row in three] == [0.018] * 3
    assert len({row["generation_url"] for row in three}) == 3
    assert sandbox.ask(f"{PATH}/{request_id}").json() == three[0]


def test_pages_cut_several_outputs_anywhere(sandbox: SandboxProcess) -> None:
    for seed, samples in enumerate((1, 3, 2, 4)):
        sandbox.call(seed=seed, samples=samples)
    for order in ("asc", "desc"):
        whole = sandbox.rows(sort_order=order)
        assert len(whole) == 10
        for per_page in (1, 2, 3, 4, 10):
            pages = [
                sandbox.history(sort_order=order, page=page, per_page=per_page)
                for page in range(1, -(-10 // per_page) + 2)
            ]
            assert [row for page in pages for row in page["data"]] == whole
            assert pages[-1]["data"] == []
            assert {(page["total"], page["total_pages"]) for page in pages} == {
                (10, -(-10 // per_page))
            }
            assert [page["page"] for page in pages] == list(range(1, len(pages) + 1))
            assert {page["per_page"] for page in pages} == {per_page}


def test_the_newest_twenty_are_the_first_page(sandbox: SandboxProcess) -> None:
    for seed in range(25):
        sandbox.call(seed=seed)
    assert seeds(sandbox.rows()) == list(range(24, 4, -1))
    assert seeds(sandbox.rows(page=2)) == list(range(4, -1, -1))
    assert seeds(sandbox.rows(sort_order="asc", per_page=3)) == [0, 1, 2]


def test_rows_are_sorted_by_model_and_by_cost(sandbox: SandboxProcess) -> None:
    sandbox.call(seed=1)
    sandbox.call(seed=2, model="ssd-1b", image=...)
    sandbox.call(seed=3, model="ssd-1b", image=...)
    by_model = {"sort_by": "model_name"}
    assert seeds(sandbox.rows(**by_model, sort_order="asc")) == [2, 3, 1]
    assert seeds(sandbox.rows(**by_model)) == [1, 3, 2]
    by_cost = {"sort_by": "credits_deduction"}
    assert seeds(sandbox.rows(**by_cost, sort_order="asc")) == [2, 3, 1]
    assert seeds(sandbox.rows(**by_cost, sort_order="desc")) == [1, 3, 2]


@pytest.mark.parametrize(
    ("name", "found"),
    [("ssd", [2, 1]), ("canny", [1]), ("ssd-1", [2]), ("SSD", []), ("ssd-1b ", [])],
)
def test_a_model_name_matches_substrings(
    sandbox: SandboxProcess, name: str, found: list[int]
) -> None:
    sandbox.call(seed=1)
    sandbox.call(seed=2, model="ssd-1b", image=...)
    assert seeds(sandbox.rows(model_name=name)) == found


def test_rows_are_found_by_their_status(sandbox: SandboxProcess) -> None:
    sandbox.faults({"match": {"seed": 2}, "effect": {"kind": "fails", "error": "no"}})
    sandbox.call(seed=1)
    sandbox.call(seed=2)
    sandbox.change(queue={"median": 30})
    sandbox.submitted(seed=3)
    for status, found in (("COMPLETED", [1]), ("FAILED", [2]), ("PENDING", [3])):
        assert seeds(sandbox.rows(status=status)) == found


def test_days_are_inclusive(sandbox: SandboxProcess) -> None:
    sandbox.call()
    today = datetime.now(UTC).date()

    def day(ago: int) -> str:
        return (today - timedelta(days=ago)).isoformat()

    assert len(sandbox.rows(from_date=day(0), to_date=day(0))) == 1
    assert len(sandbox.rows(from_date=day(30), to_date=day(0))) == 1
    assert len(sandbox.rows(to_date=day(-1))) == 1
    assert sandbox.rows(to_date=day(1)) == []
    assert sandbox.rows(from_date=day(-1), to_date=day(-2)) == []


def before(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("page", value) for value in ("0", "-1", "1.0", "", "one", "9" * 11)),
        *(("per_page", value) for value in ("0", "101", "²", "")),
        *(("from_date", value) for value in ("", "2026-1-1", "2026-02-30", "20260101", before(31))),
        *(("from_date", value) for value in (before(-1), date.max.isoformat())),
        *(("to_date", value) for value in ("today", "2026-13-01")),
        *(("status", value) for value in ("", "completed", "QUEUED")),
        *(("sort_by", value) for value in ("", "created", "request_id")),
        *(("sort_order", value) for value in ("", "DESC", "up")),
        ("seed", "7"),
    ],
)
def test_a_wrong_value_is_named(sandbox: SandboxProcess, name: str, value: str) -> None:
    answer = sandbox.ask(PATH, **{name: value})
    assert answer.status_code == 400
    assert name in answer.json()["error"]


def test_a_parameter_stands_once(sandbox: SandboxProcess) -> None:
    answer = sandbox.http.get(f"{PATH}?page=1&page=2", headers={"x-api-key": KEY})
    assert (answer.status_code, "page" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("path", [PATH, f"{PATH}/1"])
def test_the_history_needs_a_key_and_a_get(sandbox: SandboxProcess, path: str) -> None:
    assert sandbox.http.get(path).status_code == 401
    assert sandbox.http.post(path, headers={"x-api-key": KEY}).status_code == 405


def test_a_key_sees_its_own_rows_alone(sandbox: SandboxProcess) -> None:
    request_id = sandbox.call().headers["x-request-id"]
    assert sandbox.rows(OTHER_KEY) == []
    for key, asked in ((OTHER_KEY, request_id), (KEY, "0" * 32)):
        answer = sandbox.ask(f"{PATH}/{asked}", key)
        assert (answer.status_code, set(answer.json())) == (404, {"error"})


def test_the_history_is_free_and_without_a_limit(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=1, window_seconds=4100, polls_count=True)
    request_id = sandbox.call().headers["x-request-id"]
    assert [len(sandbox.rows()) for _ in range(5)] == [1] * 5
    assert sandbox.ask(f"{PATH}/{request_id}").status_code == 200
    assert sandbox.credits() == "99.994"
    assert len(sandbox.ledger()) == 1
