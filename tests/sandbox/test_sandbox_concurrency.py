from concurrent.futures import ThreadPoolExecutor

from tests.sandbox.raw_calls import begun
from tests.sandbox.sandbox_process import OTHER_KEY, SandboxProcess, until


def under_way(sandbox: SandboxProcess) -> int:
    return sum(row["started_at"] is not None for row in sandbox.ledger())


def test_calls_over_the_concurrency_are_429_and_not_counted(sandbox: SandboxProcess) -> None:
    sandbox.change(concurrency=2, rpm=3, window_seconds=1100, latency={"median": 0.8})
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(sandbox.call, seed=seed) for seed in (1, 2)]
        until(lambda: under_way(sandbox) == 2)
        for _ in range(5):
            refused = sandbox.call()
            assert refused.status_code == 429
            assert refused.json() == {"error": "Too many concurrent requests"}
            assert "x-rate-limit-reset-at-utc" in refused.headers
        assert [call.result().status_code for call in held] == [200, 200]
    # Three fit into the window: had the refused ones been counted, this one would not.
    assert sandbox.call().status_code == 200
    assert sandbox.call().json() == {"error": "Rate limit exceeded"}


def test_every_key_has_its_own_and_a_higher_one_counts_at_once(sandbox: SandboxProcess) -> None:
    sandbox.change(concurrency=1, latency={"median": 0.8})
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(sandbox.call, seed=1)
        until(lambda: under_way(sandbox) == 1)
        sandbox.change(latency={"median": 0})
        assert sandbox.call(key=OTHER_KEY).status_code == 200
        assert sandbox.call().status_code == 429
        sandbox.change(concurrency=2)
        assert sandbox.call().status_code == 200
        assert held.result().status_code == 200


def test_a_call_whose_client_left_is_still_in_flight(sandbox: SandboxProcess) -> None:
    sandbox.change(concurrency=1, latency={"median": 0.6})
    with begun(sandbox):
        until(lambda: under_way(sandbox) == 1)
    assert sandbox.call().status_code == 429
    until(lambda: sandbox.ledger()[0]["finished_at"] is not None)
    assert sandbox.call().status_code == 200


def test_a_refused_call_leaves_its_place(sandbox: SandboxProcess) -> None:
    sandbox.change(concurrency=1)
    for _ in range(3):
        assert sandbox.call(samples=9).status_code == 406
    assert sandbox.call().status_code == 200


def test_a_hanging_answer_is_no_call_in_flight(sandbox: SandboxProcess) -> None:
    sandbox.change(concurrency=1)
    sandbox.faults({"effect": {"kind": "hang"}}, {"runs": True, "effect": {"kind": "hang"}})
    with begun(sandbox), begun(sandbox):
        until(lambda: [row["fault"] for row in sandbox.ledger()] == ["hang"] * 2)
        until(lambda: under_way(sandbox) == 1)
        until(lambda: sandbox.credits() == "99.994")
        until(lambda: sandbox.call().status_code == 200)
