"""How long a claim takes, and whether that depends on how much is queued, held or long done.

The claim is `RunStore.claim` in this process on PostgreSQL, its durable commit included. Databases
take turns claim by claim, so that all of them meet the same noise; after each claim its jobs are
settled and as many new ones are queued, in nobody's time.
"""

import argparse
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import text

from benchmarks import queued_jobs
from benchmarks.claiming import Claimer
from benchmarks.complaint import ComplaintError
from benchmarks.fleet import Fleet
from benchmarks.queued_jobs import MODEL, POOL
from benchmarks.report import Report
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side
from db.accounts import AccountStore
from jobs.account_pauses import Pause, PauseReason
from jobs.wire import TICKET_CAP, ticket_queue

SMALL = 1_000
TOGETHER = 32
OTHER_MODEL = "ssd-1b"
P50, P95 = "p50", "p95"
_TICKET_SECONDS = 60.0
_MB = 1_000_000


@dataclass(frozen=True)
class Subject:
    """A database under a name."""

    name: str
    claimer: Claimer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, default, means in (
        ("jobs", 1_000_000, "jobs queued in the full databases"),
        ("claims", 500, "claims timed of each size on each database"),
        ("churn", 200_000, "jobs claimed and settled before the last look"),
    ):
        told = f"{means}; default: {default}"
        parser.add_argument(f"--{name}", type=int, default=default, help=told)


def measure(options: argparse.Namespace, report: Report) -> None:
    few, many = f"{SMALL:,} queued", f"{options.jobs:,} queued"
    held = f"{options.jobs:,} queued, {max(0, options.jobs - SMALL):,} of them held"
    churned = f"{options.jobs:,} queued, after {options.churn:,} claims and settles"
    with running_servers(upstream_seconds=0) as servers:
        for _ in range(options.runs):
            with ExitStack() as ends:
                small = _subject(ends, servers, few, SMALL)
                full = _subject(ends, servers, many, options.jobs)
                with_held = _subject(ends, servers, held, SMALL, options.jobs - SMALL)
                _time(report, [small, full, with_held], options.claims)
                report.add(many, "Redis memory", "MB", _redis_memory(servers, full) / _MB)
                full.claimer.churn(options.churn, TOGETHER)
                queued_jobs.add(full.claimer.database, options.churn)
                fresh = Subject(f"{few}, beside the churned one", small.claimer)
                _time(report, [fresh, Subject(churned, full.claimer)], options.claims)
    for together in (1, TOGETHER):
        measure_ = f"{_of(together)}, {P95}"
        report.ratio(measure_, many, few, at_most=1.5)
        report.ratio(measure_, held, few, at_most=1.5)
        report.ratio(measure_, churned, fresh.name, at_most=1.5)
    report.bound(many, "Redis memory", at_most=30)


def _subject(ends: ExitStack, servers: Servers, name: str, queued: int, held: int = 0) -> Subject:
    """A new database with so many jobs, some of a model that the account may not call."""
    url, _ = ends.enter_context(a_side(servers))
    claimer = Claimer(url)
    ends.callback(claimer.close)
    database = claimer.database
    if held > 0:
        forbidden = Pause(PauseReason.FORBIDDEN, None, OTHER_MODEL, "not in the plan")
        AccountStore(database).pause(claimer.account, forbidden)
        queued_jobs.add(database, held, model=OTHER_MODEL, held_for=PauseReason.FORBIDDEN)
    queued_jobs.add(database, queued, model=MODEL)
    # As autovacuum would have it a minute later.
    with database.write() as connection:
        connection.execute(text("ANALYZE"))
    return Subject(name, claimer)


def _time(report: Report, subjects: list[Subject], claims: int) -> None:
    """Claims of one job and of many, the subjects taking turns."""
    for together in (1, TOGETHER):
        took: dict[str, list[float]] = {one.name: [] for one in subjects}
        for one in subjects:  # the first pays for connections and prepared statements
            for _ in range(10):
                _claim(one, together)
        for _ in range(claims):
            for one in subjects:
                took[one.name].append(_claim(one, together))
        for name, found in took.items():
            cuts = statistics.quantiles(found, n=20)
            report.add(name, f"{_of(together)}, {P50}", "ms", 1_000 * statistics.median(found))
            report.add(name, f"{_of(together)}, {P95}", "ms", 1_000 * cuts[18])


def _claim(subject: Subject, together: int) -> float:
    took = subject.claimer.timed(together)
    queued_jobs.add(subject.claimer.database, together, model=MODEL)
    return took


def _of(together: int) -> str:
    return "claim of 1" if together == 1 else f"claim of {together}"


def _redis_memory(servers: Servers, full: Subject) -> int:
    """Bytes that Redis takes more than when it is empty, once tickets stand at their cap."""
    servers.valkey.empty()
    before = servers.valkey.used_memory()
    url = full.claimer.database.engine.url.render_as_string(hide_password=False)
    folder = servers.new_folder()
    wanted = min(TICKET_CAP, queued_jobs.by_state(full.claimer.database).get("queued", 0))
    with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
        fleet.upkeep()
        deadline = time.monotonic() + _TICKET_SECONDS
        while (tickets := servers.valkey.length(ticket_queue(POOL))) < wanted:
            if time.monotonic() > deadline:
                raise ComplaintError(f"{tickets} tickets were put where {wanted} were due")
            time.sleep(0.2)
        return servers.valkey.used_memory() - before
