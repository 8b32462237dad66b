import json
import time
from hashlib import sha256

from sandbox.ledger import Row, json_chunks
from tests.sandbox.sandbox_process import KEY, OTHER_KEY, URL, SandboxProcess

NAMES = {
    *("id", "received_at", "started_at", "finished_at", "key", "model", "seed_sent", "seed_used"),
    *("inputs", "inputs_hash", "status", "cost", "client_gone", "fault", "transport", "state"),
}


def test_a_row_tells_the_whole_call(sandbox: SandboxProcess) -> None:
    before = time.time()
    answer = sandbox.call(key=OTHER_KEY, prompt="ein Café", seed=-1, guidance_scale=7.5)
    (row,) = sandbox.ledger()
    assert set(row) == NAMES
    assert row["id"] == answer.headers["x-request-id"]
    assert before <= row["received_at"] <= row["started_at"] <= row["finished_at"] <= time.time()
    assert (row["key"], row["model"]) == (OTHER_KEY, "ssd-canny")
    assert row["seed_sent"] == -1
    assert row["seed_used"] == int(answer.headers["x-seed-value"])
    assert row["inputs"] == {
        "image": sha256(URL.encode()).hexdigest(),
        "prompt": "ein Café",
        "seed": -1,
        "guidance_scale": 7.5,
    }
    text = json.dumps(row["inputs"], sort_keys=True)
    assert row["inputs_hash"] == sha256(text.encode()).hexdigest()
    assert (row["status"], row["cost"], row["client_gone"]) == (200, "0.006", False)
    assert (row["fault"], row["transport"], row["state"]) == (None, "v1", "completed")


def test_refused_calls_stand_in_it_too(sandbox: SandboxProcess) -> None:
    sandbox.call(key="SG_0000000000000000")
    sandbox.http.get("/v1/ssd-canny", headers={"x-api-key": KEY})
    sandbox.call(model="none")
    sandbox.send(b"{}", "text/plain")
    sandbox.send(b"{")
    sandbox.call(seed="1")
    sandbox.call(seed=-2)
    rows = sandbox.ledger()
    assert [row["status"] for row in rows] == [405, 404, 406, 400, 400, 406]
    assert {(row["cost"], row["state"]) for row in rows} == {("0", "refused")}
    assert all(row["finished_at"] >= row["received_at"] for row in rows)
    assert all(row["started_at"] is None and row["seed_used"] is None for row in rows)
    assert [row["inputs"] and row["inputs"]["seed"] for row in rows] == [None] * 4 + ["1", -2]
    assert [row["seed_sent"] for row in rows] == [None] * 5 + [-2]


def test_equal_inputs_have_equal_hashes(sandbox: SandboxProcess) -> None:
    sandbox.send(b'{"image": "https://example.org/a", "prompt": "a"}')
    sandbox.send(b'{ "prompt":"\\u0061","image":"https://example.org/a"}')
    sandbox.send(b'{"image": "https://example.org/b", "prompt": "a"}')
    one, two, three = (row["inputs_hash"] for row in sandbox.ledger())
    assert one == two != three


def test_it_is_read_from_an_offset_and_cleared(sandbox: SandboxProcess) -> None:
    for seed in range(4):
        sandbox.call(seed=seed)
    assert [row["seed_sent"] for row in sandbox.ledger()] == [0, 1, 2, 3]
    assert [row["seed_sent"] for row in sandbox.ledger(since=2)] == [2, 3]
    assert sandbox.ledger(since=4) == sandbox.ledger(since=99) == []
    assert sandbox.http.get("/_sandbox/ledger?since=-1").status_code == 400
    assert sandbox.http.delete("/_sandbox/ledger").status_code == 204
    assert sandbox.ledger() == []


def test_a_long_ledger_is_one_json_list() -> None:
    for count in (0, 1, 1_000, 1_001, 2_500):
        rows = [Row(str(number), 0.5, KEY, "ssd-canny") for number in range(count)]
        read = json.loads("".join(json_chunks(rows)))
        assert [row["id"] for row in read] == [str(number) for number in range(count)]
