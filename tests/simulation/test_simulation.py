"""What a run shows of the rules, and that it gives back whatever it took."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.simulation.measures import TenantMeasures, fairness
from cli.simulation.reading import read
from cli.simulation.result import percentile
from cli.simulation.running import simulate
from cli.simulation.scenario import Tenant
from tests.simulation.scenarios import (
    assert_nothing_is_held,
    of_tenant,
    only_account,
    ran,
    toml,
)
from tests.systems.processes import project_environment

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"
BUSY = '[[arrivals]]\ntenant = "a"\ncount = 1500'
KINDS = ["fixed", "sliding", "aligned"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_that_is_known_is_used_and_never_passed(kind: str) -> None:
    account = f'rpm = 60\ntrue_rpm = 60\nwindow = "{kind}"'
    found = ran(account=account, arrivals=BUSY, run="seconds = 7200")
    assert found.refused == 0
    assert found.calls == of_tenant(found, "a").succeeded == 1_500
    assert 0.98 <= (only_account(found).use or 0) <= 1.02
    assert_nothing_is_held(found)


@pytest.mark.parametrize("kind", KINDS)
def test_flushes_and_kills_let_no_call_through_that_is_too_many(kind: str) -> None:
    found = ran(
        account=f'rpm = 60\ntrue_rpm = 60\nwindow = "{kind}"',
        arrivals=f'{BUSY}\non_doubt = "retry"',
        run="seconds = 20000",
        more="[faults]\nredis_flush_at = [30, 100.5, 333, 334]\nworker_kill_every = 17",
    )
    assert found.refused == 0
    assert found.kills > 50
    assert_nothing_is_held(found)


def test_a_thousand_kills_leak_nothing() -> None:
    found = ran(
        run="seconds = 40000\nseed = 5",
        account="rpm = 120\ntrue_rpm = 120\nconcurrency = 30\nstates_reset = false",
        tenants='[[tenant]]\nname = "a"\nmax_running = 25\ngroups = ["x", "y"]',
        arrivals='[[arrivals]]\ntenant = "a"\nrate = 1.0\nuntil = 10300\non_doubt = "retry"',
        more="[faults]\nworker_kill_every = 10\nerror_rate_500 = 0.02\ntimeout_rate = 0.01\n"
        "redis_flush_at = [1000, 5000]\n[workers]\nprocesses = 3\nslots = 20",
    )
    assert found.kills >= 1_000
    assert of_tenant(found, "a").succeeded > 9_500
    assert_nothing_is_held(found)


def test_a_limit_lower_than_believed_is_met_with_429s_and_costs_no_job() -> None:
    account = "rpm = 60\ntrue_rpm = 60\nchanges = [{ at = 120, true_rpm = 20 }]"
    found = ran(account=account, arrivals=BUSY.replace("1500", "400"), run="seconds = 7200")
    assert found.refused > 0
    assert of_tenant(found, "a").succeeded == 400
    assert_nothing_is_held(found)


def test_someone_else_on_the_key_is_not_ours_to_use() -> None:
    found = ran(
        account="rpm = 30\ntrue_rpm = 60\noutside_rpm = 30",
        arrivals=BUSY.replace("1500", "600"),
        run="seconds = 7200",
    )
    assert 0.95 <= (only_account(found).use or 0) <= 1.05


def test_without_credits_all_waits_until_they_come() -> None:
    account = 'rpm = 60\ntrue_rpm = 60\ncredits = "0.3"'
    poor = ran(account=account)
    assert (of_tenant(poor, "a").succeeded, of_tenant(poor, "a").open) == (50, 50)
    assert poor.held.leases == poor.held.slots == poor.held.reserved == 0
    topped_up = f'{account}\nchanges = [{{ at = 1800, credits = "10" }}]'
    rich = ran(account=topped_up)
    assert of_tenant(rich, "a").succeeded == 100
    assert 1_800 < rich.seconds < 2_000
    assert_nothing_is_held(rich)


def test_a_cap_on_what_runs_holds() -> None:
    found = ran(
        account="rpm = 6000\ntrue_rpm = 6000",
        tenants='[[tenant]]\nname = "a"\nmax_running = 4',
        more="[latency]\nmedian = 10\nsigma = 0",
    )
    # A hundred calls of ten seconds, four at a time.
    assert 250 <= found.seconds <= 260
    assert_nothing_is_held(found)


@pytest.mark.parametrize(("attempts", "fails"), [(1, range(20, 61)), (6, range(3))])
def test_a_500_is_tried_again_as_often_as_the_job_allows(attempts: int, fails: range) -> None:
    found = ran(
        run="seconds = 36000",
        account="rpm = 600\ntrue_rpm = 600",
        arrivals=f'[[arrivals]]\ntenant = "a"\ncount = 200\nmax_attempts = {attempts}',
        more="[faults]\nerror_rate_500 = 0.2",
    )
    one = of_tenant(found, "a")
    assert one.failed in fails
    assert one.succeeded + one.failed == 200
    assert (found.calls == 200) is (attempts == 1)
    assert_nothing_is_held(found)


def test_a_provider_that_always_fails_is_hardly_called() -> None:
    found = ran(arrivals=BUSY, more="[faults]\nerror_rate_500 = 1.0")
    assert 10 <= found.calls <= 60


def test_canceled_jobs_cost_nothing_and_leave_no_debt() -> None:
    found = ran(
        tenants='[[tenant]]\nname = "a"\n[[tenant]]\nname = "b"',
        arrivals='[[arrivals]]\ntenant = "a"\ncount = 1000\ncancel_at = 60\n'
        '[[arrivals]]\ntenant = "b"\ncount = 100\nat = 120\n'
        '[[arrivals]]\ntenant = "a"\ncount = 100\nat = 120',
    )
    one, other = of_tenant(found, "a"), of_tenant(found, "b")
    assert one.canceled + one.succeeded == 1_100
    assert 900 < one.canceled < 950
    assert abs((one.part_of_due or 0) - 1) < 0.06
    assert abs((other.part_of_due or 0) - 1) < 0.06
    assert_nothing_is_held(found)


def test_accounts_add_up() -> None:
    found = ran(
        account="rpm = 60\ntrue_rpm = 60\n[[account]]\nrpm = 30\ntrue_rpm = 30",
        arrivals=BUSY,
        run="seconds = 7200",
    )
    assert [one.name for one in found.accounts] == ["account-1", "account-2"]
    assert all(0.97 <= (one.use or 0) <= 1.02 for one in found.accounts)
    assert 950 < found.seconds < 1_050
    assert_nothing_is_held(found)


def test_the_example_of_a_known_limit() -> None:
    found = simulate(read(EXAMPLES / "known-limit.toml"))
    assert found.refused == 0
    assert (only_account(found).use or 0) >= 0.98
    assert_nothing_is_held(found)


def test_the_example_of_weights() -> None:
    found = simulate(read(EXAMPLES / "weights.toml"))
    assert (found.fairness or 0) >= 0.999
    assert of_tenant(found, "four").canceled == 2_000
    assert_nothing_is_held(found)


def test_the_example_of_a_newcomer() -> None:
    found = simulate(read(EXAMPLES / "newcomer.toml"))
    new, old = of_tenant(found, "newcomer"), of_tenant(found, "batch")
    # A hundred jobs, every second turn of sixty a minute.
    assert 90 <= (new.wait_p50 or 0) <= 110
    assert (new.wait_p95 or 0) <= 200
    assert (old.wait_p50 or 0) >= 3_600
    assert (found.fairness or 0) >= 0.999
    assert_nothing_is_held(found)


def test_the_example_of_learning() -> None:
    found = simulate(read(EXAMPLES / "learning.toml"))
    account = only_account(found)
    used = [one.taken / one.allowed for one in account.stretches]
    assert sum(used[5:40]) / 35 >= 0.97
    # Risen again after an hour: at least 95 % within eight windows.
    assert min(used[68:]) >= 0.95
    assert (account.use or 0) >= 0.95
    assert found.refused_per_10_000 <= 40
    assert of_tenant(found, "batch").succeeded + found.held.jobs == 20_000
    assert found.held.reserved == 60_000_000 * found.held.leases


def test_every_example_has_a_test() -> None:
    names = {path.stem for path in EXAMPLES.iterdir()}
    assert names == {"known-limit", "weights", "newcomer", "learning"}


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    tenants = '[[tenant]]\nname = "a"\n[[tenant]]\nname = "b"\ngroups = ["x", "y", "z"]'
    arrivals = '[[arrivals]]\ntenant = "a"\nrate = 0.5\n[[arrivals]]\ntenant = "b"\ncount = 200'
    faults = "[faults]\nworker_kill_every = 60\nerror_rate_500 = 0.1\ntimeout_rate = 0.1"
    path.write_text(toml(tenants=tenants, arrivals=arrivals, more=faults))
    command = [sys.executable, "-P", "-m", "cli", "simulate", str(path)]
    told = {
        subprocess.run(
            [*command, "--json"],
            env={**project_environment(), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    document = json.loads(told.pop())
    assert document["tenants"][0]["name"] == "a"
    assert document["accounts"][0]["stretches"][1]["at"] == 60
    other = ran(run="seconds = 3600\nseed = 1"), ran(run="seconds = 3600\nseed = 2")
    assert other[0].seconds != other[1].seconds


def test_a_person_sees_a_table(tmp_path: Path) -> None:
    path = EXAMPLES / "newcomer.toml"
    command = [sys.executable, "-P", "-m", "cli", "simulate"]
    env = {**os.environ, **project_environment()}
    shown = subprocess.run(
        [*command, str(path)], env=env, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "429s per 10,000 calls: 0.0\n" in shown
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("newcomer")]
    gone = subprocess.run(
        [*command, str(tmp_path / "gone.toml")],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert gone.returncode == 1
    assert gone.stderr.count("\n") == 1
    assert "gone.toml: cannot be read" in gone.stderr


@pytest.mark.parametrize(
    ("got", "index"), [((1.0, 1.0, 1.0), 1.0), ((1.0, 0.0), 0.5), ((2.0, 1.0), 0.9), ((1.0,), None)]
)
def test_the_index_of_fairness(got: tuple[float, ...], index: float | None) -> None:
    def measured(part: float) -> TenantMeasures:
        one = TenantMeasures(Tenant("a", 1, None, ()))
        one.got, one.due = int(100 * part), 100.0
        return one

    assert fairness([measured(part) for part in got]) == pytest.approx(index)


def test_percentiles_are_waits_that_were_seen() -> None:
    second = 1_000_000
    waits = [n * second for n in range(1, 101)]
    assert [percentile(waits, part) for part in (50, 95)] == [50, 95]
    assert percentile([7 * second], 95) == 7
    assert percentile([], 50) is None
