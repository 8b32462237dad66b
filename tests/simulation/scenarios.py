"""Scenarios as a person would write them, with as little as a test needs to say."""

from cli.simulation.reading import parse
from cli.simulation.result import AccountResult, Result, TenantResult
from cli.simulation.running import simulate

FILE = "scenario.toml"


def toml(
    *,
    run: str = "seconds = 3600",
    account: str = "rpm = 60\ntrue_rpm = 60",
    tenants: str = '[[tenant]]\nname = "a"',
    arrivals: str = '[[arrivals]]\ntenant = "a"\ncount = 100',
    more: str = "",
) -> str:
    return f"[run]\n{run}\n[[account]]\n{account}\n{tenants}\n{arrivals}\n{more}\n"


def ran(**parts: str) -> Result:
    return simulate(parse(toml(**parts), FILE))


def of_tenant(result: Result, name: str) -> TenantResult:
    (found,) = (one for one in result.tenants if one.name == name)
    return found


def only_account(result: Result) -> AccountResult:
    (found,) = result.accounts
    return found


def assert_nothing_is_held(result: Result) -> None:
    held = result.held
    assert held.jobs == held.in_doubt == held.leases == held.slots == 0
    assert held.permits == held.in_flight == held.reserved == 0
    assert all(one.open == 0 for one in result.tenants)
