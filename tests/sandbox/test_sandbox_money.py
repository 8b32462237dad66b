from decimal import Decimal

import pytest

from tests.sandbox.sandbox_process import KEY, OTHER_KEY, SandboxProcess


def test_fifty_calls_cost_fifty_prices_to_the_last_digit(sandbox: SandboxProcess) -> None:
    sandbox.change(credits="1.0000000001")
    for done in range(1, 51):
        answer = sandbox.call(seed=done)
        assert answer.headers["x-cost"] == "0.006"
        left = Decimal("1.0000000001") - done * Decimal("0.006")
        assert Decimal(answer.headers["x-remaining-credits"]) == left
    assert sandbox.credits() == "0.7000000001"
    assert sum(Decimal(row["cost"]) for row in sandbox.ledger()) == Decimal("0.3")


def test_credits_run_out(sandbox: SandboxProcess) -> None:
    sandbox.change(credits=0.0179)
    assert sandbox.call().status_code == 200
    dear = sandbox.call(samples=2)
    assert (dear.status_code, dear.json()) == (406, {"error": "Insufficient credits"})
    assert sandbox.call().status_code == 200
    assert sandbox.credits() == "0.0059"
    assert sandbox.call().json() == {"error": "Insufficient credits"}
    assert [row["cost"] for row in sandbox.ledger()] == ["0.006", "0", "0.006", "0"]


def test_the_last_credit_can_be_spent(sandbox: SandboxProcess) -> None:
    sandbox.change(credits="0.024")
    assert sandbox.call(samples=4).headers["x-cost"] == "0.024"
    assert Decimal(sandbox.credits()) == 0


def test_every_key_has_its_own_balance(sandbox: SandboxProcess) -> None:
    sandbox.call(key=OTHER_KEY)
    assert (sandbox.credits(KEY), sandbox.credits(OTHER_KEY)) == ("100", "99.994")
    sandbox.change(speed=2)
    assert sandbox.credits(OTHER_KEY) == "99.994"
    sandbox.change(credits="100")
    assert sandbox.credits(OTHER_KEY) == "100"


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
def test_credits_are_only_read(sandbox: SandboxProcess, verb: str) -> None:
    answer = sandbox.http.request(verb, "/v1/get-user-credits", headers={"x-api-key": KEY})
    assert answer.status_code == 405
