"""A budget that covers so many jobs and no more, and five times as many submits at once."""

import asyncio
import subprocess
import sys
from collections import Counter

import httpx

from benchmarks.complaint import ComplaintError
from benchmarks.fleet import Fleet
from benchmarks.queued_jobs import INPUT, MODEL, new_job
from benchmarks.report import Report
from benchmarks.servers.processes import plain_environment
from benchmarks.servers.together import running_servers
from benchmarks.side import a_side, an_api_key
from db.engine import Database
from db.tenants import DEFAULT_TENANT, TenantStore
from jobs import money
from jobs.budgets import Period
from jobs.money import Money

SUBJECT = "500 submits at once, a budget for 100"
ACCEPTED, BEYOND, DRIFT = "accepted", "accepted beyond the budget", "`segq budget check` red"
_COVERED, _TIMES = 100, 5
_GATEWAYS = 2
CELLS = ["budget/exact"]


def measure(report: Report, share: float) -> None:
    """The submits come over two gateways, each on a connection of its own."""
    covered = max(1, round(_COVERED * share))
    with running_servers(upstream_seconds=0) as servers, a_side(servers) as (url, folder):
        database = Database(url)
        price = new_job(TenantStore(database).ensure(DEFAULT_TENANT)).estimate
        key = an_api_key(database)
        database.close()
        whole = money.text(Money(covered * price))
        _segq(url, "tenants", "limits", DEFAULT_TENANT, "--budget", whole, "--period", Period.TOTAL)
        with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
            gateways = [fleet.gateway() for _ in range(_GATEWAYS)]
            answers = asyncio.run(_submit(gateways, key, _TIMES * covered))
        drift = _segq(url, "budget", "check", may_be_red=True)
    if strange := answers.keys() - {202, 402}:
        raise ComplaintError(f"submits were answered {dict(answers)}: {strange} is neither")
    report.add(SUBJECT, ACCEPTED, "", answers[202])
    report.add(SUBJECT, BEYOND, "", max(0, answers[202] - covered))
    report.add(SUBJECT, DRIFT, "", drift)


def hold(report: Report, share: float) -> None:
    """Every job that it covers, and none more."""
    if (SUBJECT, ACCEPTED) in report.known():
        covered = max(1, round(_COVERED * share))
        report.bound(SUBJECT, ACCEPTED, at_least=covered, in_each_run=True)
        report.bound(SUBJECT, BEYOND, at_most=0, in_each_run=True)
        report.bound(SUBJECT, DRIFT, at_most=0, in_each_run=True)


async def _submit(gateways: list[str], key: str, count: int) -> Counter[int]:
    """How many were answered with which status."""
    body = {"model": MODEL, "input": INPUT}
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        trust_env=False, timeout=60, limits=limits, headers=headers
    ) as http:
        urls = [f"{gateways[n % len(gateways)]}/api/v1/jobs" for n in range(count)]
        answers = await asyncio.gather(*(http.post(url, json=body) for url in urls))
    return Counter(one.status_code for one in answers)


def _segq(database_url: str, *words: str, may_be_red: bool = False) -> int:
    """A command of `segq` on this database; its exit status. Raises `ComplaintError` when it fails."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words],
        env=plain_environment(DATABASE_URL=database_url),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > int(may_be_red):
        raise ComplaintError(f"segq {' '.join(words)}: {done.stderr.strip()}")
    return done.returncode
