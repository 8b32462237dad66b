"""How tenants share one account: one who asks for little, three of unequal weight, one who cancels."""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update

from benchmarks import queued_jobs
from benchmarks.complaint import ComplaintError
from benchmarks.finish_line import wait_for_calls, wait_for_last_job
from benchmarks.fleet import Fleet
from benchmarks.queued_jobs import INPUT, MODEL
from benchmarks.report import Report
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side, an_api_key
from db.engine import Database
from db.tables import attempts, jobs, tenants
from db.tenants import TenantStore
from segq_client import Client

BUSY, QUIET = "tenant-a", "tenant-b"
RPM = 300
ALONE, BEHIND = "one job a second", "one job a second, another has 10,000 queued"
MORE = "p95, more than alone"
WEIGHTS = {"one": 1, "two": 2, "four": 4}
BY_WEIGHT, OFF = "weights 1:2:4, 5,000 calls", "furthest from its share"
CANCELED, HALF = "9,000 of 10,000 canceled, then beside another", "its share of the next 1,000"
_QUEUED, _MINUTE, _CALLS, _NEXT = 10_000, 60, 5_000, 1_000
_KEPT = 0.1
_CALL_SECONDS = 1.0
_SLOTS = 32
_CANCELS_AT_ONCE = 8


def one_a_second(report: Report, share: float) -> None:
    """The same tenant on an empty system, and beside one that has all else queued."""
    with running_servers(upstream_seconds=_CALL_SECONDS) as servers:
        alone = _waits(servers, 0, share)
        behind = _waits(servers, _of(_QUEUED, share), share)
    for subject, waits in ((ALONE, alone), (BEHIND, behind)):
        report.add(subject, "p50", "ms", 1_000 * statistics.median(waits))
        report.add(subject, "p95", "ms", 1_000 * _p95(waits))
    report.add(BEHIND, MORE, "ms", 1_000 * (_p95(behind) - _p95(alone)))


def weights(report: Report, share: float) -> None:
    """Whose the first calls were, with more queued of each than that."""
    calls = _of(_CALLS, share)
    with running_servers(upstream_seconds=0) as servers, a_side(servers) as (url, folder):
        database = Database(url)
        for name, weight in WEIGHTS.items():
            queued_jobs.add(database, calls, tenant=name)
            with database.write() as connection:
                connection.execute(
                    update(tenants).where(tenants.c.name == name).values(weight=weight)
                )
        callers = _callers(servers, database, folder, calls)
        database.close()
    all_, off = sum(WEIGHTS.values()), 0.0
    for name, weight in WEIGHTS.items():
        found, due = callers.count(name) / calls, weight / all_
        report.add(BY_WEIGHT, f"share of weight {weight}", "%", 100 * found)
        off = max(off, abs(found / due - 1))
    report.add(BY_WEIGHT, OFF, "%", 100 * off)


def cancels(report: Report, share: float) -> None:
    """What is canceled through the gateway costs its tenant no turn, and no turn of another."""
    queued, following = _of(_QUEUED, share), _of(_NEXT, share)
    with running_servers(upstream_seconds=0) as servers, a_side(servers) as (url, folder):
        database = Database(url)
        for name in (BUSY, QUIET):
            queued_jobs.add(database, queued, tenant=name)
        canceled = _oldest(database, BUSY, queued - _of(int(_QUEUED * _KEPT), share))
        with (
            Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet,
            Client(fleet.gateway(), an_api_key(database, BUSY)) as client,
            ThreadPoolExecutor(_CANCELS_AT_ONCE) as pool,
        ):
            began = time.monotonic()
            for _ in pool.map(lambda job: client.cancel(str(job)), canceled):
                pass
            took = time.monotonic() - began
        callers = _callers(servers, database, folder, following)
        database.close()
    report.add(CANCELED, "cancels", "/s", len(canceled) / took)
    report.add(CANCELED, HALF, "%", 100 * callers.count(BUSY) / following)


CELLS: dict[str, Callable[[Report, float], None]] = {
    "fairness/one-a-second": one_a_second,
    "fairness/weights": weights,
    "fairness/cancels": cancels,
}


def hold(report: Report) -> None:
    """The targets of what was measured."""
    # Two permits' time: one that was given out before it asked, and its own.
    for subject, measure, least, most in (
        (BEHIND, MORE, None, 2 * 60_000 / RPM + 50),
        (BY_WEIGHT, OFF, None, 2),
        (CANCELED, HALF, 49, None),
    ):
        if (subject, measure) in report.known():
            report.bound(subject, measure, at_least=least, at_most=most, in_each_run=True)


def _waits(servers: Servers, queued: int, share: float) -> list[float]:
    """Seconds from each 202's arrival until the call came, of a job a second for a minute."""
    with a_side(servers) as (url, folder):
        database = Database(url)
        queued_jobs.add(database, queued, tenant=BUSY)
        settings = {"SEGMIND_RPM": str(RPM)}
        with (
            Fleet(folder, url, servers.valkey.url, servers.upstream.url, settings) as fleet,
            Client(fleet.gateway(), an_api_key(database, QUIET)) as client,
        ):
            fleet.workers(1, _SLOTS)
            fleet.upkeep()
            if queued:
                # What a limit lets go at once after a rest is over.
                wait_for_calls(servers.upstream, min(queued, RPM // 5), fleet.processes)
            accepted = {}
            for seed in range(1, max(2, _of(_MINUTE, share)) + 1):
                client.submit(MODEL, {**INPUT, "seed": seed})
                accepted[seed] = time.time()
                time.sleep(1)
            came: dict[int, float] = {}
            deadline = time.monotonic() + 60
            while accepted.keys() - came.keys() and time.monotonic() < deadline:
                # segq's own seeds are far beyond these.
                came = {seed: at for at, seed in servers.upstream.calls() if seed in accepted}
                time.sleep(0.2)
            if lost := accepted.keys() - came.keys():
                raise ComplaintError(f"{len(lost)} of {len(accepted)} calls did not come")
        database.close()
    return [came[seed] - at for seed, at in accepted.items()]


def _callers(servers: Servers, database: Database, folder: Path, calls: int) -> list[str]:
    """The names of the tenants of the first calls, in order; one worker process makes them."""
    url = database.engine.url.render_as_string(hide_password=False)
    with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
        fleet.workers(1, _SLOTS)
        fleet.upkeep()
        wait_for_last_job(servers.upstream, calls, lambda: 0, fleet.processes)
    with database.read() as connection:
        rows = connection.execute(
            select(tenants.c.name)
            .select_from(attempts)
            .join(jobs, jobs.c.id == attempts.c.job_id)
            .join(tenants, tenants.c.id == jobs.c.tenant_id)
            .order_by(attempts.c.claimed_at, attempts.c.id)
            .limit(calls)
        )
        return list(rows.scalars())


def _oldest(database: Database, tenant: str, count: int) -> Sequence[UUID]:
    owner = TenantStore(database).ensure(tenant)
    with database.read() as connection:
        mine = select(jobs.c.id).where(jobs.c.tenant_id == owner).order_by(jobs.c.id).limit(count)
        return connection.scalars(mine).all()


def _of(whole: int, share: float) -> int:
    return max(1, round(whole * share))


def _p95(waits: Sequence[float]) -> float:
    return statistics.quantiles(waits, n=20, method="inclusive")[18]
