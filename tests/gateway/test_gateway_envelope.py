from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.gateway.conftest import SMALL_INPUT, Refuse, Submit, is_problem

TIME = "must be a time as RFC 3339 writes it"
ZONE = "must name its time zone"
YEARS = "must lie in the years 1970 to 2999 (UTC)"
TAGS = "must be a list of at most 20 strings of at most 100 characters"
METADATA = "must be an object of at most 16,384 bytes as JSON"


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("model", "sdxl", "must be one of ['ssd-1b', 'ssd-canny']"),
        ("model", 7, "must be a string"),
        ("model", None, "must be a string"),
        ("priority", "urgent", "must be one of ['high', 'normal', 'low']"),
        ("priority", ["high"], "must be one of ['high', 'normal', 'low']"),
        ("group", "g" * 201, "must be a string of at most 200 characters"),
        ("group", 5, "must be a string of at most 200 characters"),
        ("group", "a\0b", "must not contain NUL"),
        ("tags", "one", TAGS),
        ("tags", ["t"] * 21, f"{TAGS}, not 21"),
        ("tags", ["ok", "t" * 101], f"{TAGS}; number 2 is"),
        ("tags", ["ok", 1], f"{TAGS}; number 2 is 1"),
        ("tags", ["a", "\0"], "must not contain NUL (in [1])"),
        ("max_attempts", 0, "must be an integer from 1 to 10"),
        ("max_attempts", 11, "must be an integer from 1 to 10"),
        ("max_attempts", 2.0, "must be an integer from 1 to 10"),
        ("max_attempts", True, "must be an integer from 1 to 10"),
        ("max_attempts", "3", "must be an integer from 1 to 10"),
        ("metadata", [1], METADATA),
        ("metadata", {"a": "x" * 16_377}, f"{METADATA}, not 16,385"),
        ("metadata", {"a": {"b": ["\0"]}}, "must not contain NUL (in a.b[0])"),
        ("metadata", {"a": {"\0": 1}}, "must not contain NUL (in the name \\x00)"),
        ("run_at", "tomorrow", TIME),
        ("run_at", 1_800_000_000, TIME),
        ("run_at", "2099-01-02T03:04:05", ZONE),
        ("run_at", "2099-01-02", ZONE),
        ("run_at", "2099-02-30T00:00:00Z", "is no moment"),
        ("run_at", "2099-01-02T03:04:60Z", "is no moment"),
        ("run_at", "9999-12-31T23:59:59-23:59", "is no moment"),
        ("run_at", "2099-W01-1T00:00:00Z", TIME),
        ("run_at", "٢٠٩٩-01-02T03:04:05Z", TIME),
        ("run_at", "9999-12-31T23:59:59Z", YEARS),
        ("run_at", "3000-01-01T00:00:00Z", YEARS),
        ("run_at", "2999-12-31T23:59:59-00:01", YEARS),
        ("run_at", "1969-12-31T23:59:59Z", YEARS),
        ("run_at", "0001-01-01T00:00:00Z", YEARS),
        ("run_at", "1970-01-01T00:00:00+00:01", YEARS),
        ("start_by", "9999-12-31T23:59:59Z", YEARS),
        ("run_at", "2199-01-01T00:00:00Z", "must be within 100 years from now"),
        ("start_by", "2099-01-02T03:04:05", ZONE),
        ("start_by", "2020-01-01T00:00:00Z", "must be in the future"),
        ("finish_by", "2020-01-01T00:00:00Z", "must be in the future"),
    ],
)
def test_a_wrong_member_is_named_with_its_bound(
    refuse: Refuse, member: str, value: Any, message: str
) -> None:
    named = refuse(**{member: value})
    assert list(named) == [member]
    assert named[member].startswith(message)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("group", "g" * 200),
        ("tags", ["t" * 100] * 20),
        ("max_attempts", 1),
        ("max_attempts", 10),
        ("run_at", "1970-01-01T00:00:00Z"),
        ("run_at", "2120-01-01T00:00:00Z"),
        ("finish_by", "2999-12-31T23:59:59.999999Z"),
        ("metadata", {"a": "x" * 16_376}),
        ("metadata", {"ä": "🏔", "big": 10**300}),
    ],
)
def test_a_member_at_its_bound_is_kept(submit: Submit, member: str, value: Any) -> None:
    assert submit(**{member: value})[member] == value


@pytest.mark.parametrize("member", ["start_by", "finish_by"])
def test_a_bound_must_come_after_run_at(refuse: Refuse, member: str) -> None:
    moment = "2099-01-02T00:00:00Z"
    named = refuse(run_at=moment, **{member: "2099-01-02T01:00:00+01:00"})
    assert named == {member: f"must be after run_at, {moment}"}


def test_every_wrong_field_is_named_at_once(refuse: Refuse) -> None:
    named = refuse(
        {"prompt": " ", "samples": 9, "colour": "red", "image": "data:image/png;base64,AAAA"},
        priority="urgent",
        tags=5,
        run_at="soon",
        callback="https://example.com",
    )
    assert set(named) == {
        *("priority", "tags", "run_at", "callback"),
        *("input.prompt", "input.samples", "input.colour", "input.image"),
    }


def test_what_came_is_shown(client: httpx.Client) -> None:
    body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "samples": 9}, "priority": "x" * 500}
    problem = is_problem(client.post("/api/v1/jobs", json=body), 422, "invalid-fields")
    got = {error["field"]: error["got"] for error in problem["errors"]}
    assert got["input.samples"] == "9"
    assert got["priority"].startswith('"xxx')
    assert len(got["priority"]) <= 80
    assert problem["detail"] == "2 fields are wrong"


def test_members_that_must_be_there_are_named(client: httpx.Client) -> None:
    problem = is_problem(client.post("/api/v1/jobs", json={}), 422, "invalid-fields")
    named = {error["field"]: error["message"] for error in problem["errors"]}
    assert named == {"model": "is required", "input": "is required"}


@pytest.mark.parametrize("given", [None, [], "x", 3])
def test_an_input_that_is_no_object_is_named(refuse: Refuse, given: Any) -> None:
    assert refuse(given) == {"input": "must be an object"}
    assert set(refuse(given, model="none")) == {"input", "model"}


def test_a_thousand_wrong_fields_make_a_bounded_answer(client: httpx.Client) -> None:
    body = {f"field {n} {'x' * 300}": n for n in range(1000)}
    problem = is_problem(client.post("/api/v1/jobs", json=body), 422, "invalid-fields")
    assert problem["detail"] == "1002 fields are wrong"
    assert len(problem["errors"]) == 100
    assert max(len(error["field"]) for error in problem["errors"]) == 200


def test_a_bound_a_minute_ahead_is_accepted(submit: Submit) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert submit(start_by=soon)["state"] == "queued"
