import itertools
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.raw_calls import begun, exchanged
from tests.sandbox.sandbox_process import SandboxProcess, decoded, until

ENDS = list(itertools.product(("request", "headers", "body"), ("reset", "close")))
RUNS = pytest.mark.parametrize("runs", [False, True])


def row_of(sandbox: SandboxProcess) -> tuple[object, ...]:
    """The last row once its call is at rest: status, cost, fault, whether the client left."""
    until(lambda: sandbox.ledger()[-1]["finished_at"] is not None)
    row = sandbox.ledger()[-1]
    return row["status"], row["cost"], row["fault"], row["client_gone"]


def cost_of(runs: bool) -> str:
    return "0.006" if runs else "0"


@RUNS
@pytest.mark.parametrize(("at", "how"), ENDS)
def test_a_connection_ends_where_the_rule_says(
    sandbox: SandboxProcess, at: str, how: str, runs: bool
) -> None:
    sandbox.faults({"runs": runs, "effect": {"kind": "reset", "at": at, "how": how}})
    found = exchanged(sandbox)
    assert found.ended == {"reset": "reset", "close": "fin"}[how]
    match at:
        case "request":
            assert found.data == b""
        case "headers":
            assert found.data.endswith(b"\r\n\r\n")
            assert found.length > 1_000
        case _:
            assert len(found.body) == found.length // 2 > 500
    status = None if at == "request" else 200
    assert row_of(sandbox) == (status, cost_of(runs), "reset", False)
    assert sandbox.credits() == ("99.994" if runs else "100")
    assert sandbox.call().status_code == 200


@RUNS
@pytest.mark.parametrize("at", ["request", "headers", "body"])
def test_silence_ends_without_more(sandbox: SandboxProcess, at: str, runs: bool) -> None:
    sandbox.faults({"runs": runs, "effect": {"kind": "hang", "at": at, "seconds": 0.3}})
    begun_at = time.monotonic()
    found = exchanged(sandbox)
    assert time.monotonic() - begun_at > 0.29
    assert found.ended == "fin"
    assert (at == "request") is (found.data == b"")
    if at != "request":
        assert len(found.body) == (found.length // 2 if at == "body" else 0)
    status = None if at == "request" else 200
    assert row_of(sandbox) == (status, cost_of(runs), "hang", False)


@RUNS
@pytest.mark.parametrize("at", ["request", "headers", "body"])
def test_the_true_answer_can_follow_silence(sandbox: SandboxProcess, at: str, runs: bool) -> None:
    true = sandbox.call().content
    sandbox.faults(
        {"runs": runs, "effect": {"kind": "hang", "at": at, "seconds": 0.3, "then": "answer"}}
    )
    found = exchanged(sandbox)
    decoded(found.body)
    assert len(found.body) == found.length
    assert (found.body == true) is runs
    if at != "request":
        first, last = found.pieces[0][0], found.pieces[-1][0]
        assert last - first > 0.25
    assert row_of(sandbox) == (200, cost_of(runs), "hang", False)


def test_silence_without_end_lasts_as_long_as_the_client(sandbox: SandboxProcess) -> None:
    sandbox.faults({"runs": True, "effect": {"kind": "hang"}})
    with begun(sandbox) as connection:
        until(lambda: [row["cost"] for row in sandbox.ledger()] == ["0.006"])
        assert sandbox.call(seed=8).status_code == 200
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    until(lambda: bool(sandbox.ledger()[0]["client_gone"]))
    row = sandbox.ledger()[0]
    assert (row["status"], row["cost"], row["fault"]) == (None, "0.006", "hang")


@RUNS
@pytest.mark.parametrize(("fraction", "share"), [(None, 0.5), (0, 0), (0.25, 0.25), (0.9999, 1)])
def test_a_body_is_shorter_than_its_stated_length(
    sandbox: SandboxProcess, fraction: float | None, share: float, runs: bool
) -> None:
    given = {} if fraction is None else {"fraction": fraction}
    sandbox.faults({"runs": runs, "effect": {"kind": "truncate", **given}})
    found = exchanged(sandbox)
    assert found.ended == "fin"
    assert found.length > 1_000
    assert len(found.body) == pytest.approx(found.length * share, abs=4)
    assert len(found.body) < found.length
    assert row_of(sandbox) == (200, cost_of(runs), "truncate", False)


def test_headers_drip_byte_by_byte(sandbox: SandboxProcess) -> None:
    sandbox.faults({"effect": {"kind": "drip", "part": "headers", "every": 0.003}})
    found = exchanged(sandbox)
    decoded(found.body)
    end = found.data.index(b"\r\n\r\n") + 4
    sizes = list(itertools.accumulate(len(piece) for _, piece in found.pieces))
    within = [size for size in sizes if size <= end]
    # A busy machine may hand over a few bytes at once; nothing else may.
    assert len(within) > end * 0.5
    assert found.pieces[len(within) - 1][0] - found.pieces[0][0] > 0.002 * end
    assert row_of(sandbox) == (200, "0", "drip", False)


def test_a_body_drips_in_pieces(sandbox: SandboxProcess) -> None:
    true = sandbox.call().content
    size = len(true) // 8
    sandbox.faults({"runs": True, "effect": {"kind": "drip", "bytes": size, "every": 0.05}})
    found = exchanged(sandbox)
    assert found.body == true
    assert len(found.pieces) >= 8
    assert found.pieces[-1][0] - found.pieces[0][0] > 8 * 0.04
    assert max(len(piece) for _, piece in found.pieces[1:]) <= 2 * size
    assert row_of(sandbox) == (200, "0.006", "drip", False)


@pytest.mark.parametrize("most", [3, 100_000])
def test_an_endless_answer_may_have_an_end(sandbox: SandboxProcess, most: int) -> None:
    sandbox.faults({"effect": {"kind": "endless", "bytes": most, "content_type": "image/webp"}})
    answer = sandbox.call()
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in answer.headers
    assert len(answer.content) == most
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert sandbox.ledger()[0]["fault"] == "endless"


@RUNS
def test_an_endless_answer_ends_with_its_client(sandbox: SandboxProcess, runs: bool) -> None:
    sandbox.faults({"runs": runs, "effect": {"kind": "endless"}})
    taken = 0
    with begun(sandbox) as connection:
        while taken < 30_000_000:
            piece = connection.recv(1_000_000)
            assert piece
            taken += len(piece)
    until(lambda: bool(sandbox.ledger()[0]["client_gone"]))
    row = sandbox.ledger()[0]
    assert (row["status"], row["cost"], row["fault"]) == (200, cost_of(runs), "endless")


def test_a_client_that_takes_everything_at_once_holds_up_nobody(sandbox: SandboxProcess) -> None:
    sandbox.faults({"effect": {"kind": "endless"}})
    with begun(sandbox) as connection:
        # A reader that is faster than any in Python: the writer is never made to wait.
        connection.settimeout(None)  # a socket with a timeout does not block, and cat would end
        taker = subprocess.Popen(["cat"], stdin=connection.fileno(), stdout=subprocess.DEVNULL)
    try:
        until(lambda: bool(sandbox.ledger()))
        for seed in range(8, 18):
            assert sandbox.call(seed=seed).status_code == 200
        assert taker.poll() is None
    finally:
        taker.kill()
        taker.wait()
    until(lambda: bool(sandbox.ledger()[0]["client_gone"]))


def test_a_client_that_takes_nothing_fills_no_memory(sandbox: SandboxProcess) -> None:
    def megabytes() -> int:
        shown = subprocess.check_output(["ps", "-o", "rss=", "-p", str(sandbox.process.pid)])
        return int(shown) // 1024

    sandbox.faults({"effect": {"kind": "endless"}})
    before = megabytes()
    with begun(sandbox):
        until(lambda: [row["status"] for row in sandbox.ledger()] == [200])
        time.sleep(0.5)
        assert megabytes() < before + 100


def test_a_fault_leaves_no_complaint_behind(tmp_path: Path) -> None:
    complaints = tmp_path / "errors"
    with complaints.open("wb") as errors:
        sandbox = SandboxProcess(errors)
        try:
            sandbox.faults(
                *[{"effect": {"kind": "reset", "at": at, "how": how}} for at, how in ENDS],
                {"effect": {"kind": "hang", "seconds": 0}},
                {"effect": {"kind": "truncate"}},
                {"effect": {"kind": "drip", "bytes": 10_000, "every": 0}},
                {"effect": {"kind": "endless", "bytes": 10}},
            )
            for _ in range(len(ENDS) + 4):
                exchanged(sandbox)
            assert all(row["fault"] for row in sandbox.ledger())
        finally:
            sandbox.end()
    assert complaints.read_text() == ""


BREAKING: list[dict[str, Any]] = [
    {"kind": "hang"},
    {"kind": "hang", "at": "headers"},
    {"kind": "drip", "part": "headers", "every": 60},
    {"kind": "drip", "every": 60},
    {"kind": "endless"},
    {"kind": "truncate"},
    {"kind": "reset"},
]


@pytest.mark.parametrize("effect", BREAKING, ids=lambda effect: "-".join(map(str, effect.values())))
def test_other_calls_are_served_meanwhile(sandbox: SandboxProcess, effect: dict[str, Any]) -> None:
    sandbox.faults({"match": {"seed": 1}, "count": None, "effect": effect})
    held = [begun(sandbox, seed=1) for _ in range(5)]
    try:
        until(lambda: [row["fault"] for row in sandbox.ledger()] == [effect["kind"]] * 5)
        for seed in range(2, 12):
            answer = sandbox.call(seed=seed)
            assert answer.status_code == 200
            decoded(answer.content)
    finally:
        for connection in held:
            connection.close()
    until(lambda: all(row["finished_at"] is not None for row in sandbox.ledger()))
    assert [row["fault"] for row in sandbox.ledger()[5:]] == [None] * 10


def test_the_wire_shows_a_status_line_headers_and_a_date(sandbox: SandboxProcess) -> None:
    sandbox.faults({"effect": {"kind": "truncate"}})
    lines = exchanged(sandbox).head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert any(re.fullmatch(rb"date: .{26}GMT", line) for line in lines)
    assert b"connection: close" in lines
