"""Lines into a batch: of every format, sent whole, in pieces, twice, cut off and wrong."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.batch_world import came, opened, read, send
from tests.gateway.conftest import is_problem

LINES = [{"custom_id": f"n{n}", "input": {"seed": n}} for n in range(5)]
AS_JSON_LINES = "".join(f"{json.dumps(one)}\n" for one in LINES)
AS_CSV = "custom_id,seed\n" + "".join(f"n{n},{n}\n" for n in range(5))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/jsonl", AS_JSON_LINES),
        ("application/x-ndjson", AS_JSON_LINES.replace("\n", "\r\n") + "\n\n"),
        ("application/jsonl; charset=utf-8", "\ufeff" + AS_JSON_LINES.rstrip()),
        ("application/json", json.dumps(LINES, indent=1)),
        ("text/csv", AS_CSV),
        ("text/csv", "\ufeff" + AS_CSV.replace("\n", "\r\n")),
    ],
    ids=("lines", "crlf", "bom", "array", "csv", "csv-of-windows"),
)
@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_whatever_the_format_and_the_pieces(
    client: httpx.Client, kind: str, content: str, piece: int
) -> None:
    batch = opened(client)
    raw = content.encode()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(raw), piece):
            yield raw[at : at + piece]

    assert came(send(client, batch, pieces(), kind)) == (5, 0, 0)
    # And once more, another way: it is the same.
    packed = send(client, batch, gzip.compress(raw), kind, headers={"Content-Encoding": "gzip"})
    assert came(packed) == (0, 5, 0)
    seen = read(client, batch)
    assert (seen["state"], seen["jobs"], seen["counts"]["queued"]) == ("open", 5, 5)
    jobs = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    assert sorted(job["input"]["seed"] for job in jobs) == [0, 1, 2, 3, 4]
    assert {job["input"]["prompt"] for job in jobs} == {"a paper lantern"}


def test_each_wrong_line_is_told_and_the_others_are_in(client: httpx.Client) -> None:
    batch = opened(client)
    lines = [
        '{"custom_id": "good", "input": {"seed": 1}}',
        '{"custom_id": "bad", "input": {"seed": "one"}}',
        "not json",
        '["no", "object"]',
        '{"custom_id": "", "input": {}}',
        '{"custom_id": "good", "input": {"seed": 2}}',
        '{"custom_id": "grouped", "group": "mine"}',
        '{"custom_id": "fine"}',
    ]
    response = send(client, batch, "\n".join(lines))
    assert came(response) == (2, 0, 6)
    told = {one["line"]: one for one in response.json()["rejections"]}
    assert {line: one["errors"][0]["field"] for line, one in told.items()} == {
        2: "input.seed",
        3: "line",
        4: "line",
        5: "custom_id",
        6: "custom_id",
        7: "group",
    }
    assert told[2]["custom_id"] == "bad"
    assert told[3]["custom_id"] == "line-3"
    assert read(client, batch)["rejected"] == 6
    # Mended, it is in, and its rejection is forgotten.
    assert came(send(client, batch, [{"custom_id": "bad", "input": {"seed": 1}}])) == (1, 0, 0)
    assert read(client, batch)["rejected"] == 5


def test_lines_without_a_name_are_known_by_their_number(client: httpx.Client) -> None:
    batch = opened(client)
    lines = [{"input": {"seed": n}} for n in range(4)]
    assert came(send(client, batch, lines[:2])) == (2, 0, 0)
    assert came(send(client, batch, lines[2:], params={"first_line": 3})) == (2, 0, 0)
    assert came(send(client, batch, lines)) == (0, 4, 0)
    # Another file under the same numbers is no repetition.
    assert came(send(client, batch, [{"input": {"seed": 9}}])) == (0, 0, 1)


def test_strict_takes_all_or_nothing(client: httpx.Client) -> None:
    batch = opened(client)
    lines: list[Any] = [*LINES, {"custom_id": "bad", "input": {"seed": "one"}}]
    strict = {"strict": "true"}
    problem = is_problem(send(client, batch, lines, params=strict), 422, "invalid-fields")
    assert (problem["accepted"], problem["rejected"]) == (0, 1)
    assert problem["rejections"][0]["custom_id"] == "bad"
    assert read(client, batch)["jobs"] == 0
    assert came(send(client, batch, lines[:-1], params=strict)) == (5, 0, 0)
    again = [*LINES, {"custom_id": "n0", "input": {"seed": 77}}, {"custom_id": "new"}]
    problem = is_problem(send(client, batch, again, params=strict), 422, "invalid-fields")
    assert [one["custom_id"] for one in problem["rejections"]] == ["n0"]
    assert read(client, batch)["jobs"] == 5


def test_templates_are_filled_from_each_line(client: httpx.Client) -> None:
    batch = opened(client, input={"prompt": "a {animal} in {{braces}}, {style}"})
    rows = 'custom_id,animal,style,metadata.order,tags\na,cat,"oil, fine",7,x; y\nb,dog,,8,\n'
    response = send(client, batch, rows, "text/csv")
    assert came(response) == (1, 0, 1)
    assert "style" in response.json()["rejections"][0]["errors"][0]["message"]
    line = {"custom_id": "c", "vars": {"animal": "cow", "style": 3}}
    assert came(send(client, batch, [line])) == (1, 0, 0)
    jobs = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    assert [job["input"]["prompt"] for job in jobs] == [
        "a cow in {braces}, 3",
        "a cat in {braces}, oil, fine",
    ]
    assert (jobs[1]["metadata"], jobs[1]["tags"]) == ({"order": "7"}, ["x", "y"])


def test_rows_that_cannot_be_read_are_told_one_by_one(client: httpx.Client) -> None:
    batch = opened(client)
    rows = [
        b"custom_id,prompt",
        'a,"a line\nbreak, and a \u2028 separator"'.encode(),
        b"b,one,too many",
        b"c,a lone \r return",
        b"d,\xff is no UTF-8",
        b'e,"a ""quoted"" word"',
    ]
    response = send(client, batch, b"\n".join(rows), "text/csv")
    assert came(response) == (2, 0, 3)
    told = {one["line"]: one["errors"][0]["message"] for one in response.json()["rejections"]}
    # The first row has two lines.
    assert "3 fields" in told[4]
    assert "line break outside" in told[5]
    assert "UTF-8" in told[6]
    jobs = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    assert [job["input"]["prompt"] for job in jobs] == [
        'a "quoted" word',
        "a line\nbreak, and a \u2028 separator",
    ]


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("kind", "content", "field", "says", "accepted"),
    [
        ("text/csv", "custom_id,promt\na,cat\n", "header", "no parameter", 0),
        ("text/csv", "seed,seed\n1,2\n", "header", "twice", 0),
        ("text/csv", "custom_id;seed\na;1\n", "header", "semicolons", 0),
        ("text/csv", 'seed,prompt\n1,cat\n2,"dog\n', "body[line 3]", "never ends", 1),
        ("application/json", '{"custom_id": "a"}', "body", "array", 0),
        ("application/json", '[{"custom_id": "a"}, {"custom', "body", "ends before", 1),
        ("application/json", '[{"custom_id": "a"}] more', "body", "behind the array", 1),
    ],
)
def test_what_cannot_be_read_is_told_and_what_came_before_is_kept(
    client: httpx.Client, kind: str, content: str, field: str, says: str, accepted: int
) -> None:
    batch = opened(client)
    problem = is_problem(send(client, batch, content, kind), 422, "invalid-fields")
    (wrong,) = problem["errors"]
    assert wrong["field"] == field
    assert says in wrong["message"]
    assert problem["accepted"] == read(client, batch)["jobs"] == accepted


def test_half_a_gzip_keeps_its_whole_lines(client: httpx.Client) -> None:
    batch = opened(client)
    lines = "".join(f'{{"custom_id": "n{n}", "input": {{"seed": {n}}}}}\n' for n in range(3_000))
    packed = _half(gzip.compress(lines.encode()))
    zipped = {"Content-Encoding": "gzip"}
    problem = is_problem(send(client, batch, packed, headers=zipped), 422, "invalid-fields")
    assert "midst of its gzip" in problem["errors"][0]["message"]
    assert 0 < problem["accepted"] == read(client, batch)["jobs"] < 3_000
    whole = send(client, batch, gzip.compress(lines.encode()), headers=zipped)
    assert came(whole) == (3_000 - problem["accepted"], problem["accepted"], 0)


def test_a_line_of_ten_megabytes_is_one_rejected_line(client: httpx.Client) -> None:
    batch = opened(client)
    long = f'{{"custom_id": "long", "metadata": {{"x": "{"y" * 10_000_000}"}}}}'
    response = send(client, batch, f'{{"custom_id": "a"}}\n{long}\n{{"custom_id": "b"}}\n')
    assert came(response) == (2, 0, 1)
    (rejection,) = response.json()["rejections"]
    assert (rejection["line"], rejection["custom_id"]) == (2, "line-2")
    assert "1,000,000 bytes" in rejection["errors"][0]["message"]


def test_a_closed_batch_takes_no_more_and_is_finished_when_all_have_ended(
    client: httpx.Client,
) -> None:
    batch = opened(client, name="lanterns")
    assert came(send(client, batch, LINES[:1])) == (1, 0, 0)
    closed = client.post(f"/api/v1/batches/{batch['id']}/close").json()
    assert closed["state"] == "running"
    is_problem(send(client, batch, LINES), 409, "illegal-move")
    assert came(send(client, batch, LINES[:1])) == (0, 1, 0)
    empty = opened(client)
    assert client.post(f"/api/v1/batches/{empty['id']}/close").json()["state"] == "finished"
    listed = client.get("/api/v1/batches", params={"limit": 1}).json()
    assert [one["id"] for one in listed["items"]] == [empty["id"]]
    following = {"limit": 1, "cursor": listed["next_cursor"]}
    assert client.get("/api/v1/batches", params=following).json() == {
        "items": [{**listed["items"][0], **_shown(closed)}],
        "next_cursor": None,
    }


def _shown(batch: dict[str, Any]) -> dict[str, Any]:
    listed = ("id", "name", "state", "jobs", "counts", "cost", "projected_cost", "closed_at")
    times = ("created_at", "finished_at", "links", "metadata", "priority", "budget")
    return {name: batch[name] for name in (*listed, *times)}


def test_a_budget_of_its_own_takes_the_first_lines(client: httpx.Client) -> None:
    batch = opened(client, budget="0.01")  # 0.004 a call
    problem = is_problem(send(client, batch, LINES), 402, "budget-exceeded")
    assert (problem["accepted"], problem["line"], problem["left"]) == (2, 3, "0.002")
    seen = read(client, batch)
    assert (seen["jobs"], seen["committed"]) == (2, "0.008")


def test_a_batch_is_its_tenants_own(client: httpx.Client, stranger: httpx.Client) -> None:
    batch = opened(client)
    is_problem(send(stranger, batch, LINES), 404, "not-found")
    is_problem(stranger.get(f"/api/v1/batches/{batch['id']}"), 404, "not-found")
    assert stranger.get("/api/v1/batches").json()["items"] == []


def test_a_matrix_is_every_combination(client: httpx.Client) -> None:
    matrix: dict[str, Any] = {"seed": [1, 2, 3], "animal": {"tom": "cat", "rex": "dog"}}
    given = {"model": "ssd-1b", "input": {"prompt": "a {animal}"}, "matrix": matrix}
    priced = client.post(
        "/api/v1/estimate",
        json={"job": {"model": "ssd-1b", "input": {"prompt": "a"}}, "matrix": matrix},
    ).json()
    assert (priced["jobs"], priced["price"]) == (6, "0.024")
    response = client.post("/api/v1/batches", json=given)
    assert response.status_code == 201, response.text
    batch = response.json()
    assert (batch["state"], batch["jobs"], batch["committed"]) == ("running", 6, "0.024")
    jobs = client.get("/api/v1/jobs", params={"group": f"batch:{batch['id']}"}).json()["items"]
    assert [(one["custom_id"], one["input"]["prompt"]) for one in reversed(jobs)] == [
        (f"seed{seed}-{name}", f"a {animal}")
        for seed in (1, 2, 3)
        for name, animal in matrix["animal"].items()
    ]


def test_a_whole_batch_is_kept_once_or_not_at_all(client: httpx.Client) -> None:
    given = {
        "model": "ssd-1b",
        "input": {"prompt": "a cat"},
        "jobs": [*LINES, {"input": {"seed": "x"}}],
    }
    wrong = is_problem(client.post("/api/v1/batches", json=given), 422, "invalid-fields")
    assert [one["field"] for one in wrong["errors"]] == ["jobs[5].input.seed"]
    assert client.get("/api/v1/batches").json()["items"] == []
    good = {**given, "jobs": LINES}
    key = {"Idempotency-Key": "once"}
    first = client.post("/api/v1/batches", json=good, headers=key)
    again = client.post("/api/v1/batches", json=good, headers=key)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [one["jobs"] for one in client.get("/api/v1/batches").json()["items"]] == [5]


def test_the_price_of_a_matrix_counts_its_samples(client: httpx.Client) -> None:
    job = {"model": "ssd-canny", "input": {"image": "https://example.org/a.png", "prompt": "a"}}
    answer = client.post(
        "/api/v1/estimate", json={"job": job, "matrix": {"samples": [1, 2], "seed": [1, 2, 3]}}
    ).json()
    assert (answer["jobs"], answer["price"]) == (6, "0.054")
    wrong = client.post("/api/v1/estimate", json={"job": job, "matrix": {"seed": [1, "x"]}})
    problem = is_problem(wrong, 422, "invalid-fields")
    assert [one["field"] for one in problem["errors"]] == ["matrix.seed[1].input.seed"]


def test_wrong_defaults_are_told_before_any_line_is_sent(client: httpx.Client) -> None:
    given = {
        "name": 7,
        "model": "ssd-1b",
        "input": {"promt": "a"},
        "tags": "x",
        "finish_by": "tomorrow",
        "on_error": "stop_after_n",
        "budget": 5,
        "group": "mine",
    }
    problem = is_problem(client.post("/api/v1/batches", json=given), 422, "invalid-fields")
    assert {one["field"] for one in problem["errors"]} == {
        *("name", "input.promt", "tags", "finish_by", "stop_after", "budget", "group"),
    }
