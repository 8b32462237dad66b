"""One scenario twice: simulated, and on the real system with the real sandbox.

All jobs are queued before the workers start. Both sides are measured by the same code: from the
provider's record of calls, and from each job's first claim. Time runs from the first claim on.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update

from benchmarks import queued_jobs
from benchmarks.complaint import ComplaintError
from benchmarks.fleet import Fleet
from benchmarks.report import Report
from benchmarks.servers.postgres import Postgres, running_postgres
from benchmarks.servers.sandbox import running_sandbox
from benchmarks.servers.valkey import Valkey, running_valkey
from cli.simulation.clock import seconds
from cli.simulation.measures import Measures, fairness
from cli.simulation.reading import parse
from cli.simulation.result import percentile
from cli.simulation.running import simulate
from cli.simulation.scenario import Scenario
from cli.simulation.usage import Usage, share
from db.engine import Database
from db.jobs import JobStore
from db.tables import jobs, tenants
from db.tenants import TenantStore

SIMULATED, REAL = "simulated", "real"
USE, REFUSED, FAIR = "use of the allowance", "429s per 10,000 calls", "Jain's index"
CASES: dict[str, Callable[[int], str]] = {
    "limit known": str,
    "limit believed too high": lambda limit: str(limit * 3 // 2),
    "limit to be found out": lambda _: '"auto"',
}
"""What is believed where so much is allowed, as a scenario says it."""
WEIGHTS = {"one": 1, "two": 2}
_LATENCY = 0.5
_STUCK_SECONDS = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, default, means in (
        ("jobs", 75, "of each tenant"),
        ("limit", 30, "calls that the provider's window takes"),
        ("window", 6, "its length, in seconds"),
        ("processes", 2, "worker processes"),
        ("slots", 16, "slots of each"),
    ):
        told = f"{means}; default: {default}"
        parser.add_argument(f"--{name}", type=int, default=default, help=told)


def measure(options: argparse.Namespace, report: Report) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="segq-bench-") as name,
        running_postgres() as postgres,
        running_valkey(Path(name)) as valkey,
    ):
        for run in range(options.runs):
            for case, believed in CASES.items():
                text = _scenario(options, believed(options.limit), seed=run)
                scenario = parse(text, f"{case}.toml")
                folder = Path(tempfile.mkdtemp(dir=name))
                for side, seen in (
                    (SIMULATED, _simulated(scenario)),
                    (REAL, _on_the_real_system(scenario, folder, postgres, valkey)),
                ):
                    _add(report, f"{case}, {side}", seen)
    for case in CASES:
        for measured in (USE, *(_wait(tenant, 50) for tenant in WEIGHTS)):
            report.ratio(measured, f"{case}, {REAL}", f"{case}, {SIMULATED}")


def _scenario(options: argparse.Namespace, believed: str, *, seed: int) -> str:
    told = [
        f"[run]\nseconds = 86400\nseed = {seed}",
        f"[workers]\nprocesses = {options.processes}\nslots = {options.slots}",
        f"[latency]\nmedian = {_LATENCY}",
        f"[[account]]\nrpm = {believed}\ntrue_rpm = {options.limit}",
        f"window_seconds = {options.window}",
    ]
    for name, weight in WEIGHTS.items():
        told.append(f'[[tenant]]\nname = "{name}"\nweight = {weight}')
        told.append(f'[[arrivals]]\ntenant = "{name}"\ncount = {options.jobs}')
    return "\n".join(told)


@dataclass(frozen=True)
class _Seen:
    use: float
    refused: float
    fairness: float
    waits: dict[str, tuple[float, float]]
    """p50 and p95 in seconds, by tenant."""


def _add(report: Report, subject: str, seen: _Seen) -> None:
    report.add(subject, USE, "%", 100 * seen.use)
    report.add(subject, REFUSED, "", seen.refused)
    report.add(subject, FAIR, "", seen.fairness)
    for tenant, waits in seen.waits.items():
        for part, wait in zip((50, 95), waits, strict=True):
            report.add(subject, _wait(tenant, part), "s", wait)


def _wait(tenant: str, part: int) -> str:
    return f"wait p{part} of tenant {tenant!r}"


def _simulated(scenario: Scenario) -> _Seen:
    found = simulate(scenario)
    (account,) = found.accounts
    return _Seen(
        use=account.use or 0.0,
        refused=found.refused_per_10_000,
        fairness=found.fairness or 0.0,
        waits={one.name: (one.wait_p50 or 0.0, one.wait_p95 or 0.0) for one in found.tenants},
    )


def _on_the_real_system(
    scenario: Scenario, folder: Path, postgres: Postgres, valkey: Valkey
) -> _Seen:
    (account,) = scenario.accounts
    valkey.empty()
    url = postgres.new_database()
    database = Database(url)
    settings = {
        "rpm": account.true_rpm,
        "window": str(account.window),
        "window_seconds": account.window_span / seconds(1),
        "latency": {"median": _LATENCY, "sigma": scenario.latency.sigma},
    }
    try:
        _queue(database, scenario)
        told = {
            "SEGMIND_RPM": "auto" if account.rpm is None else str(account.rpm),
            "SEGMIND_WINDOW": str(account.window_span // seconds(1)),
        }
        with (
            running_sandbox(folder, settings) as sandbox,
            Fleet(folder, url, valkey.url, sandbox.url, told) as fleet,
        ):
            fleet.workers(scenario.workers.processes, scenario.workers.slots)
            fleet.upkeep()
            _wait_until_done(database, fleet)
            return _seen(database, scenario, sandbox.ledger())
    finally:
        database.close()
        postgres.drop(url)


def _queue(database: Database, scenario: Scenario) -> None:
    for tenant in scenario.tenants:
        ensured = TenantStore(database).ensure(tenant.name)
        with database.write() as connection:
            named = tenants.c.id == ensured
            connection.execute(update(tenants).where(named).values(weight=tenant.weight))
    store = JobStore(database)
    for asked in scenario.arrivals:
        new = queued_jobs.new_job(TenantStore(database).ensure(asked.tenant))
        for _ in range(asked.count or 0):
            store.add(new)


def _wait_until_done(database: Database, fleet: Fleet) -> None:
    left, since = -1, time.monotonic()
    while (now := queued_jobs.unfinished(database)) > 0:
        for one in fleet.processes:
            one.check()
        if now != left:
            left, since = now, time.monotonic()
        elif time.monotonic() - since > _STUCK_SECONDS:
            raise ComplaintError(f"nothing moved for {_STUCK_SECONDS:g} s: {now} jobs are left")
        time.sleep(0.1)


def _seen(database: Database, scenario: Scenario, ledger: list[dict[str, object]]) -> _Seen:
    with database.read() as connection:
        rows = connection.execute(
            select(tenants.c.name, jobs.c.started_at, jobs.c.estimate)
            .join(tenants, tenants.c.id == jobs.c.tenant_id)
            .order_by(jobs.c.started_at, jobs.c.id)
        ).all()
    began = rows[0].started_at.timestamp()
    starts = [seconds(row.started_at.timestamp() - began) for row in rows]
    (account,) = scenario.accounts
    usage, refused = Usage(account.window_span, account.true_rpm), 0
    for call in ledger:
        if call["status"] == 429:
            refused += 1
        else:
            usage.took(max(0, seconds(float(str(call["received_at"])) - began)))
    usage.allow(starts[-1])
    measures, waits = Measures(scenario.tenants), {name: list[int]() for name in WEIGHTS}
    left = {name: sum(row.name == name for row in rows) for name in WEIGHTS}
    for name in WEIGHTS:
        measures.entered(name)
    for row, start in zip(rows, starts, strict=True):
        waits[row.name].append(start)
        measures.took(row.name, row.estimate)
        left[row.name] -= 1
        if not left[row.name]:
            measures.left(row.name)
    return _Seen(
        use=share([one for one in usage.stretches() if one.worked]) or 0.0,
        refused=10_000 * refused / len(ledger),
        fairness=fairness(list(measures.of.values())) or 0.0,
        waits={
            name: (percentile(found, 50) or 0.0, percentile(found, 95) or 0.0)
            for name, found in waits.items()
        },
    )
