import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.sandbox.raw_calls import head, opened
from tests.sandbox.sandbox_process import AT_ONCE, CALL, SandboxProcess, until


def test_an_answer_carries_the_contract_headers(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 0.05})
    headers = sandbox.call(seed=760941192).headers
    assert headers["x-remaining-credits"] == "99.994"
    assert headers["x-cost"] == "0.006"
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])
    assert 0.04 < float(headers["x-generation-time"]) < 5
    assert headers["x-seed-value"] == "760941192"
    assert datetime.fromisoformat(headers["x-rate-limit-reset-at-utc"]).tzinfo is not None


@pytest.mark.parametrize("seed", [-1, ...])
def test_a_random_seed_is_told(sandbox: SandboxProcess, seed: object) -> None:
    seeds = {int(sandbox.call(seed=seed).headers["x-seed-value"]) for _ in range(5)}
    assert len(seeds) == 5
    assert all(0 <= one <= 999_999_999_999_999 for one in seeds)


def test_a_call_runs_to_its_end_and_is_charged_though_the_client_left(
    sandbox: SandboxProcess,
) -> None:
    sandbox.change(latency={"median": 0.4})
    body = json.dumps(CALL).encode()
    with opened(sandbox) as connection:
        connection.sendall(head(len(body)) + body)
        until(lambda: bool(sandbox.ledger()))
    assert sandbox.ledger()[0]["status"] is None
    until(lambda: sandbox.ledger()[0]["finished_at"] is not None)
    (row,) = sandbox.ledger()
    assert (row["status"], row["cost"], row["client_gone"]) == (200, "0.006", True)
    # The loop's timers are a millisecond coarse, hence not the full 0.4.
    assert row["finished_at"] - row["started_at"] > 0.38
    assert sandbox.credits() == "99.994"


def test_a_client_that_leaves_at_once_is_charged_too(sandbox: SandboxProcess) -> None:
    body = json.dumps(CALL).encode()
    with opened(sandbox) as connection:
        connection.sendall(head(len(body)) + body)
    until(lambda: [row["status"] for row in sandbox.ledger()] == [200])
    assert sandbox.credits() == "99.994"


def test_a_body_that_never_arrives_whole_is_no_call(sandbox: SandboxProcess) -> None:
    with opened(sandbox) as connection:
        connection.sendall(head(1_000) + b'{"prompt"')
    assert sandbox.call().status_code == 200
    assert [row["status"] for row in sandbox.ledger()] == [200]
    assert sandbox.credits() == "99.994"


def test_calls_wait_side_by_side(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 1.0})
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda seed: sandbox.call(seed=seed).status_code, range(40)))
    assert answers == [200] * 40
    rows = sandbox.ledger()
    # Overlap is asserted, not speed: far more calls than painting threads were under way at once.
    first_end = min(row["finished_at"] for row in rows)
    assert sum(row["started_at"] < first_end for row in rows) >= 20


def test_speed_divides_latency(sandbox: SandboxProcess) -> None:
    sandbox.change(latency={"median": 3000, "sigma": 0}, speed=100_000)
    assert 0.02 < float(sandbox.call().headers["x-generation-time"]) < 5


def test_a_connection_serves_many_calls(sandbox: SandboxProcess) -> None:
    sandbox.change(latency=AT_ONCE)
    body = json.dumps(CALL).encode()
    with opened(sandbox) as connection, connection.makefile("rb") as answers:
        for _ in range(3):
            connection.sendall(head(len(body)) + body)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := answers.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert len(answers.read(length)) == length > 1_000
