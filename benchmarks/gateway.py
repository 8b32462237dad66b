"""Requests a second of one gateway process from 64 connections, beside FastAPI with ORM sessions.

Submits are answered after a durable commit; at their end every job that was accepted is in SQL and
the pool's queue holds its tickets. No worker runs.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api_gateway.parts import IMAGE_THREADS, SQL_THREADS
from benchmarks import queued_jobs, wrk_load
from benchmarks.complaint import ComplaintError
from benchmarks.fleet import Fleet
from benchmarks.queued_jobs import INPUT, MODEL, POOL
from benchmarks.report import Report
from benchmarks.servers.ports import free_port, wait_for_port
from benchmarks.servers.processes import plain_environment, running
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side, an_api_key
from db.engine import Database
from jobs.wire import TICKET_CAP, ticket_queue

ORM = "FastAPI, ORM async session"
SEGQ = "segq"
SUBMITS, SUBMITS_WITH_KEY = "submits", "submits with Idempotency-Key"
READS, UNCHANGED = "status reads", "304s"
_READ_JOBS = 200
_TICKET_SECONDS = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=int, default=10, help="of each load; default: %(default)d"
    )


def measure(options: argparse.Namespace, report: Report) -> None:
    wrk_load.program()
    report.settings["connections"] = wrk_load.CONNECTIONS
    with running_servers(upstream_seconds=0) as servers:
        for _ in range(options.runs):
            _measure_orm(servers, options.seconds, report)
            _measure_segq(servers, options.seconds, report)
    report.bound(SEGQ, f"{SUBMITS}, rate", at_least=1_500)
    report.bound(SEGQ, f"{SUBMITS}, p99", at_most=120)
    report.bound(SEGQ, f"{READS}, rate", at_least=2_500)
    report.bound(SEGQ, f"{UNCHANGED}, rate", at_least=4_000)
    report.ratio(f"{SUBMITS}, rate", SEGQ, ORM)
    report.ratio(f"{READS}, rate", SEGQ, ORM)


def _measure_segq(servers: Servers, seconds: int, report: Report) -> None:
    with a_side(servers) as (url, folder):
        database = Database(url)
        try:
            key = an_api_key(database)
            with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
                load = Loads(fleet.gateway(), key, folder, seconds)
                accepted = load.submit().answers[202]
                report_load(report, SEGQ, SUBMITS, submits := load.submit())
                accepted += submits.answers[202]
                _check_kept(servers, database, accepted)
                report_load(report, SEGQ, SUBMITS_WITH_KEY, load.submit(keys=True))
                load.read()
                report_load(report, SEGQ, READS, load.read())
                report_load(report, SEGQ, UNCHANGED, load.read(unchanged=True))
        finally:
            database.close()


def _check_kept(servers: Servers, database: Database, accepted: int) -> None:
    """Every 202 is a job, and tickets are there for them, as many as a queue may hold."""
    kept = queued_jobs.by_state(database).get("queued", 0)
    # Of requests that were cut off at the load's end the answer was not read: those may be more.
    if kept < accepted:
        raise ComplaintError(f"{accepted} submits were accepted, but only {kept} jobs are queued")
    wanted = min(accepted, TICKET_CAP)
    deadline = time.monotonic() + _TICKET_SECONDS
    while (tickets := servers.valkey.length(ticket_queue(POOL))) < wanted:
        if time.monotonic() > deadline:
            raise ComplaintError(
                f"{accepted} submits were accepted, but only {tickets} tickets came"
            )
        time.sleep(0.05)


def _measure_orm(servers: Servers, seconds: int, report: Report) -> None:
    with a_side(servers, prepared=False) as (url, folder), running_orm_gateway(folder, url) as at:
        load = Loads(at, "unused", folder, seconds)
        load.submit()
        report_load(report, ORM, SUBMITS, load.submit())
        load.read()
        report_load(report, ORM, READS, load.read())


class Loads:
    """The loads that one gateway is put under."""

    def __init__(self, url: str, key: str, folder: Path, seconds: int) -> None:
        self._url, self._key, self._seconds = url, key, seconds
        self._folder = folder
        self._body = json.dumps({"model": MODEL, "input": INPUT})
        (folder / "body").write_text(self._body)
        self._paths: dict[str, str] = {}
        self._runs = 0

    def submit(self, *, keys: bool = False) -> wrk_load.Load:
        """The same job over and over, each with an Idempotency-Key of its own when `keys`."""
        self._runs += 1
        words = ["submit", str(self._folder / "body"), self._key]
        if keys:
            words += ["each", str(self._runs)]
        return wrk_load.run(self._url, self._seconds, words, expected=202)

    def read(self, *, unchanged: bool = False) -> wrk_load.Load:
        """Two hundred jobs in turn, with the ETag that each has when `unchanged`."""
        if not self._paths:
            self._paths = self._submit_some()
        lines = [f"{path}\t{etag}" if unchanged else path for path, etag in self._paths.items()]
        (self._folder / "requests").write_text("\n".join(lines) + "\n")
        words = ["read", str(self._folder / "requests"), self._key]
        return wrk_load.run(self._url, self._seconds, words, expected=304 if unchanged else 200)

    def _submit_some(self) -> dict[str, str]:
        """Paths of jobs that were submitted just now, each with its ETag."""
        found = {}
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        with httpx.Client(base_url=self._url, headers=headers, trust_env=False) as http:
            for _ in range(_READ_JOBS):
                job = http.post("/api/v1/jobs", content=self._body).raise_for_status().json()
                path = f"/api/v1/jobs/{job['id']}"
                found[path] = http.get(path).raise_for_status().headers.get("etag", "")
        return found


def report_load(report: Report, subject: str, what: str, load: wrk_load.Load) -> None:
    report.add(subject, f"{what}, rate", "/s", load.rate)
    report.add(subject, f"{what}, p50", "ms", load.p50)
    report.add(subject, f"{what}, p99", "ms", load.p99)


@contextmanager
def running_orm_gateway(folder: Path, database_url: str) -> Iterator[str]:
    """The baseline as one uvicorn process with as many connections to SQL as a gateway has."""
    port = free_port()
    command = [
        *(sys.executable, "-P", "-m", "uvicorn", "benchmarks.baselines.orm_gateway:app"),
        *("--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
        *("--log-level", "warning"),
    ]
    environment = plain_environment(
        ORM_DATABASE_URL=database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        ORM_POOL_SIZE=str(SQL_THREADS + IMAGE_THREADS),
    )
    with running("orm-gateway", command, folder / "orm.log", environment=environment) as process:
        wait_for_port(port, process.check)
        yield f"http://127.0.0.1:{port}"
