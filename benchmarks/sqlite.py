"""Several worker processes and a gateway on one SQLite file: how fast, and does a lock ever show.

The queue is filled first; while the workers drain it a client submits and reads through the
gateway, so that all who write do so at once.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import httpx

from benchmarks import queued_jobs
from benchmarks.finish_line import wait_for_first_call, wait_for_last_job
from benchmarks.fleet import Fleet
from benchmarks.queued_jobs import INPUT, MODEL
from benchmarks.report import Report
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side, an_api_key
from db.engine import Database
from db.migrate import upgrade

RATE, LOCKED, REFUSED = "rate", '"database is locked" in any log', "requests not answered 2xx"
SLOWEST = "slowest request"
_LOCKED = "database is locked"
_SHARE = 20
"""One job in so many comes through the gateway while the others are worked on."""


class Visitor:
    """Submits a job and reads it, each time that it is asked, until it has done so often enough."""

    def __init__(self, url: str, key: str, visits: int) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        )
        self._left = visits
        self.refused = 0
        self.slowest = 0.0

    def visit(self) -> None:
        if self._left:
            self._left -= 1
            job = self._ask("POST", "/api/v1/jobs", json={"model": MODEL, "input": INPUT})
            self._ask("GET", f"/api/v1/jobs/{job['id']}")

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, **content: object) -> dict[str, str]:
        began = time.perf_counter()
        answer = self._http.request(method, path, **content)  # type: ignore[arg-type]  # json alone
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.refused += not answer.is_success
        found: dict[str, str] = answer.json()
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, default, means in (
        ("jobs", 2_000, "jobs in all"),
        ("processes", 4, "worker processes"),
        ("slots", 16, "slots of each process"),
    ):
        told = f"{means}; default: {default}"
        parser.add_argument(f"--{name}", type=int, default=default, help=told)


def measure(options: argparse.Namespace, report: Report) -> None:
    subject = f"segq, {options.processes} worker processes"
    with running_servers(upstream_seconds=0) as servers:
        for _ in range(options.runs):
            _run(servers, options, report, subject)
    report.bound(subject, LOCKED, at_most=0)
    report.bound(subject, REFUSED, at_most=0)


def _run(servers: Servers, options: argparse.Namespace, report: Report, subject: str) -> None:
    with a_side(servers) as (_, folder):
        url = new_file(folder)
        database = Database(url)
        visits = options.jobs // _SHARE
        queued_jobs.add(database, options.jobs - visits)
        with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
            visitor = Visitor(fleet.gateway(), an_api_key(database), visits)
            fleet.workers(options.processes, options.slots)
            fleet.upkeep()
            first = wait_for_first_call(servers.upstream, fleet.processes)
            unfinished = partial(queued_jobs.unfinished, database)
            wait_for_last_job(
                servers.upstream, options.jobs, unfinished, fleet.processes, visitor.visit
            )
            visitor.close()
            logs = fleet.logs()
        queued_jobs.check_all_succeeded(database, options.jobs, servers.upstream.stats().calls)
        took = queued_jobs.last_finished(database) - first
        report.add(subject, RATE, "jobs/s", options.jobs / took)
        report.add(subject, LOCKED, "times", logs.count(_LOCKED))
        report.add(subject, REFUSED, "", visitor.refused)
        report.add(subject, SLOWEST, "ms", 1_000 * visitor.slowest)
        database.close()


def new_file(folder: Path) -> str:
    """The URL of a new SQLite file with segq's schema."""
    url = f"sqlite:///{folder / 'segq.db'}"
    database = Database(url)
    upgrade(database)
    database.close()
    return url
