from decimal import Decimal

import pytest

from tests.sandbox.raw_calls import begun, exchanged
from tests.sandbox.sandbox_process import SandboxProcess, until


def left(sandbox: SandboxProcess, times: int) -> list[str]:
    """What the calls cost whose clients left while they ran."""
    sandbox.change(latency={"median": 1.0})
    connections = [begun(sandbox, seed=seed) for seed in range(times)]
    until(
        lambda: (
            sum(row["started_at"] is not None for row in sandbox.ledger()) == times
            or any(row["finished_at"] is not None for row in sandbox.ledger())
        )
    )
    for connection in connections:
        connection.close()
    until(lambda: all(row["finished_at"] is not None for row in sandbox.ledger()))
    rows = sandbox.ledger()
    assert len(rows) == times
    assert {row["status"] for row in rows} == {200}
    return [row["cost"] for row in rows if row["client_gone"]]


@pytest.mark.parametrize(("setting", "cost"), [("always", "0.006"), ("never", "0")])
def test_what_becomes_of_the_charge_of_a_client_that_left(
    sandbox: SandboxProcess, setting: str, cost: str
) -> None:
    sandbox.change(charge_on_disconnect=setting)
    assert left(sandbox, 3) == [cost] * 3
    assert Decimal(sandbox.credits()) == 100 - 3 * Decimal(cost)
    assert sandbox.call().status_code == 200
    assert sandbox.ledger()[-1]["cost"] == "0.006"  # who stays pays


def test_half_of_them_are_charged(sandbox: SandboxProcess) -> None:
    sandbox.change(charge_on_disconnect="random")
    costs = left(sandbox, 40)
    # All alike has a chance of one in a million million.
    assert set(costs) == {"0", "0.006"}
    ledger = sum(Decimal(row["cost"]) for row in sandbox.ledger())
    assert Decimal(sandbox.credits()) == 100 - ledger


def test_a_fault_that_runs_leaves_the_charge_to_the_setting(sandbox: SandboxProcess) -> None:
    sandbox.change(charge_on_disconnect="never")
    sandbox.change(latency={"median": 1.0})
    sandbox.faults({"runs": True, "count": 2, "effect": {"kind": "reset"}})
    with begun(sandbox):
        until(
            lambda: sandbox.ledger()[-1:] != [] and sandbox.ledger()[-1]["started_at"] is not None
        )
    exchanged(sandbox)
    until(lambda: all(row["finished_at"] is not None for row in sandbox.ledger()))
    rows = [(row["cost"], row["client_gone"], row["fault"]) for row in sandbox.ledger()]
    assert rows == [("0", True, "reset"), ("0.006", False, "reset")]
