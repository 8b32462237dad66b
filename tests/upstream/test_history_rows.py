"""Rows and envelopes of the history in every shape that they may have."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from jobs import money
from jobs.failures import Failure, FailureKind
from jobs.matching import HistoryStatus
from tests.upstream.conftest import INPUTS, Connect, Serve
from tests.upstream.loopback import KEY, Says
from upstream import history_page, history_rows
from upstream.key import Key
from upstream.replies import HistoryRow

URL = "https://images.segmind.com/a.png"
LINE = "GET /inference-request/request-history/r%2F0%3F HTTP/1.1"


def row(**told: Any) -> HistoryRow:
    """Through the text of a page, as numbers come from there."""
    body = json.dumps([{"request_id": "r0", **told}]).encode()
    (found,) = history_page.read(body, Key(KEY)).rows
    return found


def test_a_whole_row() -> None:
    image = "x" * 1_000
    found = row(
        model_name="ssd-canny",
        model_status="COMPLETED",
        credits_deduction=0.0061,
        request_body={**INPUTS, "image": image, "guidance_scale": 7.5, "base64": False},
        generation_url=URL,
        latency_ms=5900,
        model_created="2026-08-01T12:00:00",
        error=None,
    )
    digest = f"sha256:{sha256(image.encode()).hexdigest()}"
    assert found == HistoryRow(
        request_id="r0",
        model="ssd-canny",
        status=HistoryStatus.COMPLETED,
        cost=money.parse("0.0061"),
        inputs={**INPUTS, "image": digest, "guidance_scale": 7.5, "base64": False},
        output=URL,
        created_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
        error="",
    )
    assert [type(found.inputs[name]) for name in ("seed", "guidance_scale")] == [int, float]


def test_a_row_of_which_little_can_be_read() -> None:
    nothing = HistoryRow("r0", "", HistoryStatus.PENDING, None, {}, None, None, "")
    assert row() == nothing
    values: list[Any] = [None, [], {}, True]
    for value in values:
        told = dict.fromkeys(
            ("model_name", "credits_deduction", "request_body", "generation_url", "model_created"),
            value,
        )
        assert row(**told, model_status=value) == nothing


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("FAILED", HistoryStatus.FAILED),
        ("completed ", HistoryStatus.COMPLETED),
        ("PENDING", HistoryStatus.PENDING),
        ("PROCESSING", HistoryStatus.PENDING),
        (5, HistoryStatus.PENDING),
    ],
)
def test_a_status_that_nobody_knows_is_pending(told: object, status: HistoryStatus) -> None:
    assert row(model_status=told).status is status


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        (json.dumps({"seed": 7, "scale": 0.1, "deep": [{"a": 1.5}]}), None),
        ({"seed": 999999999999999, "scale": -1e-3, "deep": {"a": [None, True, -0.0]}}, None),
        ("[1]", {}),
        ("seed=7", {}),
        ("", {}),
        ([1], {}),
        (json.dumps(json.dumps({"seed": 7})), {}),
        ("[" * 100_000, {}),
    ],
)
def test_inputs_as_an_object_or_its_text(body: Any, inputs: dict[str, Any] | None) -> None:
    if inputs is None:
        inputs = json.loads(body) if isinstance(body, str) else body
    assert row(request_body=body).inputs == inputs


def test_one_number_makes_no_page_unreadable() -> None:
    digits = "9" * 5_000
    body = f'[{{"request_id": {digits}}}, {{"request_id": 5, "request_body": {{"a": {digits}}}}}]'
    page = history_page.read(body.encode(), Key(KEY))
    assert (page.found, [row.request_id for row in page.rows]) == (2, ["5"])
    assert page.rows[0].inputs == {"a": float("inf")}


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ({"model_created": "2026-08-01T12:00:00+02:00"}, (10, 0)),
        ({"model_created": 1785585600}, (12, 0)),
        ({"model_created": 1785585600123}, (12, 0)),
        ({"model_created": "soon", "created_at": "2026-08-01 11:00:00"}, (11, 0)),
        ({"updated_at": "2026-08-01T13:00:00Z", "createdAt": "2026-08-01T12:00:00Z"}, (12, 0)),
        ({"finished_at": "2026-08-01T13:00:00Z", "latency_ms": 5900}, (13, 0)),
        ({"requestTime": "Sat, 01 Aug 2026 12:30:00 GMT"}, (12, 30)),
    ],
)
def test_a_moment_under_any_name_without_a_zone_is_utc(
    told: dict[str, Any], moment: tuple[int, int]
) -> None:
    found = row(**told).created_at
    assert found is not None
    assert found.replace(microsecond=0) == datetime(2026, 8, 1, *moment, tzinfo=UTC)


@pytest.mark.parametrize("cost", [-1, "nan", 1e300, "much", True])
def test_a_cost_that_is_none(cost: object) -> None:
    assert row(credits_deduction=cost).cost is None


def test_what_a_row_says_is_one_line_without_the_key() -> None:
    found = row(error={"message": f"no\n{KEY}"}, model_name=KEY, generation_url=f"{URL}?{KEY}")
    assert found.error == "no [key]"
    assert KEY not in repr(found)


ROWS = [{"request_id": "r0"}, {"request_id": "r1"}]


@pytest.mark.parametrize(
    "envelope",
    [
        ROWS,
        *({name: ROWS} for name in ("data", "requests", "results", "items", "rows", "history")),
        {"inference_requests": ROWS, "links": [], "count": 2},
        {"data": {"requests": ROWS, "page": 1}},
        {"data": {"data": ROWS}},
        {"results": 2, "items": ROWS},
        {"results": [], "generations": ROWS},
        {"data": ROWS, "errors": [{"none": 1}]},
        {"status": "success", "data": ROWS, "error": None},
    ],
)
def test_rows_stand_in_any_envelope(envelope: object) -> None:
    page = history_page.read(json.dumps(envelope).encode(), Key(KEY))
    assert [row.request_id for row in page.rows] == ["r0", "r1"]


@pytest.mark.parametrize(
    "envelope", [[], {"data": []}, {"rows": [], "filters": []}, {"data": {"items": []}}, {"a": []}]
)
def test_an_empty_list_is_an_empty_page(envelope: object) -> None:
    assert history_page.read(json.dumps(envelope).encode(), Key(KEY)).found == 0


def test_pages_are_alike_only_to_the_last_value() -> None:
    prints = {
        history_page.read(json.dumps([{"request_id": "r0", **more}]).encode(), Key(KEY)).fingerprint
        for more in (
            {},
            {"latency_ms": 1},
            {"latency_ms": 2},
            {"request_body": {"image": "\ud800"}},
        )
    }
    assert len(prints) == 4


@pytest.mark.parametrize("form", ["{}", '{{"data": {}}}', '{{"data": [{}, {{}}]}}', "[{}]"])
def test_one_row_by_its_id(form: str, serve: Serve, connect: Connect) -> None:
    told = '{"request_id": "r/0?", "model_status": "FAILED", "credits_deduction": 0.5}'
    server = serve(Says(200, form.format(told).encode(), {}))
    found = connect(server).history_row("r/0?")
    assert isinstance(found, HistoryRow)
    assert (found.status, found.cost) == (HistoryStatus.FAILED, money.parse("0.5"))
    assert server.requests[0].line == LINE
    assert server.requests[0].headers["x-api-key"] == KEY


def test_a_row_that_the_history_lacks_is_none(serve: Serve, connect: Connect) -> None:
    assert connect(serve(Says(404, b'{"error": "not found"}', {}))).history_row("r0") is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b'{"error": "no"}', FailureKind.UNAUTHORIZED, "no"),
        (502, b"", FailureKind.GATEWAY_ERROR, "gateway"),
        (200, b"", FailureKind.GATEWAY_ERROR, "cannot be read"),
        (200, b"[]", FailureKind.GATEWAY_ERROR, "no row in it"),
        (200, b'{"data": null}', FailureKind.GATEWAY_ERROR, "no row in it"),
        (200, b'{"error": "later"}', FailureKind.GATEWAY_ERROR, "later"),
        (200, b'{"request_id": "r1"}', FailureKind.GATEWAY_ERROR, "another request"),
        (200, b"[" * 100_000, FailureKind.GATEWAY_ERROR, "nested too deep"),
    ],
)
def test_what_is_no_row_is_no_absence(
    status: int, body: bytes, kind: FailureKind, words: str, serve: Serve, connect: Connect
) -> None:
    found = connect(serve(Says(status, body, {}))).history_row("r0")
    assert isinstance(found, Failure)
    assert found.kind is kind
    assert words in found.message


def test_a_row_is_an_object() -> None:
    values: list[Any] = [None, [], "r0", 5]
    for value in values:
        assert history_rows.read(value, Key(KEY)) is None
