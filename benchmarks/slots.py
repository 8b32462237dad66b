"""Thousands of calls of several seconds over many slots: how close to ideal, in how much memory.

The clock runs from the first call's arrival upstream to the moment at which the last job became
final in SQL. Memory is what all processes of the side take together at their peak.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import queued_jobs
from benchmarks.baselines import celery_worker
from benchmarks.finish_line import wait_for_first_call, wait_for_last_job
from benchmarks.fleet import Fleet
from benchmarks.processes_seen import memory
from benchmarks.report import Report
from benchmarks.servers.processes import Process
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side
from db.engine import Database

PLAIN = "plain Celery task"
SEGQ = "segq"
TIME, RSS, PSS = "first call to last job", "peak RSS", "peak PSS"
_LOOK_SECONDS = 0.5
_MB = 1_000_000


class Peak:
    """The most memory that some processes had together, looked at twice a second."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._next = 0.0
        self.rss = self.pss = 0

    def look(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LOOK_SECONDS
        found = [memory(one.pid) for one in self._processes]
        self.rss = max(self.rss, sum(rss for rss, _ in found))
        self.pss = max(self.pss, sum(pss for _, pss in found))


Side = Callable[[Servers, argparse.Namespace], tuple[float, Peak]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, kind, default, means in (
        ("jobs", int, 3_000, "calls in all"),
        ("processes", int, 4, "worker processes"),
        ("slots", int, 250, "slots of each process"),
        ("seconds", float, 6.0, "how long a call takes"),
    ):
        told = f"{means}; default: {default:g}"
        parser.add_argument(f"--{name}", type=kind, default=default, help=told)


def measure(options: argparse.Namespace, report: Report) -> None:
    rounds = math.ceil(options.jobs / (options.processes * options.slots))
    report.settings["ideal"] = f"{rounds * options.seconds:g} s"
    with running_servers(upstream_seconds=options.seconds) as servers:
        for _ in range(options.runs):
            for name, side in SIDES.items():
                took, peak = side(servers, options)
                report.add(name, TIME, "s", took)
                report.add(name, RSS, "MB", peak.rss / _MB)
                report.add(name, PSS, "MB", peak.pss / _MB)
    report.bound(SEGQ, TIME, at_most=21)
    report.bound(SEGQ, RSS, at_most=700)
    report.ratio(TIME, SEGQ, PLAIN)
    report.ratio(PSS, SEGQ, PLAIN)


def run_segq(servers: Servers, options: argparse.Namespace) -> tuple[float, Peak]:
    """The whole fleet: workers, upkeep, beat and a gateway."""
    with a_side(servers) as (url, folder):
        database = Database(url)
        try:
            queued_jobs.add(database, options.jobs)
            with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
                fleet.gateway()
                fleet.workers(options.processes, options.slots)
                fleet.upkeep()
                peak = Peak(fleet.processes)
                unfinished = partial(queued_jobs.unfinished, database)
                first = _run(servers, options.jobs, fleet.processes, unfinished, peak)
            calls = servers.upstream.stats().calls
            queued_jobs.check_all_succeeded(database, options.jobs, calls)
            return queued_jobs.last_finished(database) - first, peak
        finally:
            database.close()


def run_plain(servers: Servers, options: argparse.Namespace) -> tuple[float, Peak]:
    """As many worker processes with as many threads."""
    with a_side(servers, prepared=False) as (url, folder):
        celery_worker.prepare(url, options.jobs)
        # With Celery's own four tasks a thread three of four processes would take all there are.
        words = ("--prefetch-multiplier", "1")
        with (
            celery_worker.Sender(servers.valkey.url, servers.upstream.url) as sender,
            celery_worker.running_workers(
                folder,
                options.processes,
                options.slots,
                redis_url=servers.valkey.url,
                database_url=url,
                words=words,
            ) as workers,
        ):
            sender.send_many(options.jobs)
            peak = Peak(workers)
            unfinished = partial(celery_worker.unfinished, url)
            first = _run(servers, options.jobs, workers, unfinished, peak)
        return celery_worker.last_finished(url) - first, peak


def _run(
    servers: Servers,
    jobs: int,
    processes: Sequence[Process],
    unfinished: Callable[[], int],
    peak: Peak,
) -> float:
    """When the first call came."""
    first = wait_for_first_call(servers.upstream, processes)
    wait_for_last_job(servers.upstream, jobs, unfinished, processes, peak.look)
    return first


SIDES: dict[str, Side] = {PLAIN: run_plain, SEGQ: run_segq}
