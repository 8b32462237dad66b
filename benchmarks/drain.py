"""How fast one worker process empties a full queue when calls take no time, beside plain Celery.

Each side has its jobs queued before its worker starts; the clock runs from the first call's arrival
upstream to the moment at which the last job became final in SQL.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import queued_jobs
from benchmarks.baselines import celery_worker
from benchmarks.finish_line import wait_for_first_call, wait_for_last_job
from benchmarks.fleet import Fleet
from benchmarks.processes_seen import cpu_seconds
from benchmarks.report import Report
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side
from db.engine import Database

PLAIN = "plain Celery task"
ONE_JOB = "segq, one job a ticket"
LONG = "segq, SEGQ_TICKET_SECONDS=30"
RATE, CPU = "rate", "CPU of the worker process"
SLOTS = (16, 32, 64)


@dataclass(frozen=True)
class Drained:
    """`rate` in jobs/s, `cpu` in ms a job of the worker process from the first call on."""

    rate: float
    cpu: float


Side = Callable[[Servers, int, int], Drained]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, default=3_000, help="default: %(default)d")
    parser.add_argument(
        "--slots", type=_counts, default=SLOTS, metavar="N[,N...]",
        help="with several, each side is tried with each and keeps its best; default: 16,32,64",
    )  # fmt: skip


def measure(options: argparse.Namespace, report: Report) -> None:
    with running_servers(upstream_seconds=0) as servers:
        slots = {name: _best(servers, name, side, options) for name, side in SIDES.items()}
        report.settings["slots"] = slots
        for _ in range(options.runs):
            for name, side in SIDES.items():
                drained = side(servers, options.jobs, slots[name])
                report.add(name, RATE, "jobs/s", drained.rate)
                report.add(name, CPU, "ms/job", drained.cpu)
    report.ratio(RATE, ONE_JOB, PLAIN, at_least=1.0)
    report.ratio(RATE, LONG, PLAIN, at_least=2.0)
    for name in (ONE_JOB, LONG):
        report.ratio(CPU, name, PLAIN)


def _best(servers: Servers, name: str, side: Side, options: argparse.Namespace) -> int:
    """The count of slots with which this side is fastest."""
    counts: tuple[int, ...] = options.slots
    if len(counts) == 1:
        return counts[0]
    rates = {count: side(servers, options.jobs, count).rate for count in counts}
    tried = ", ".join(f"{count}: {rate:.0f}/s" for count, rate in rates.items())
    print(f"  slots of {name}: {tried}")
    return max(rates, key=lambda count: rates[count])


def drain_segq(servers: Servers, jobs: int, slots: int, *, ticket_seconds: float) -> Drained:
    """segq: one worker, upkeep and beat."""
    with a_side(servers) as (url, folder):
        database = Database(url)
        try:
            queued_jobs.add(database, jobs)
            with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
                (worker,) = fleet.workers(1, slots, ticket_seconds=ticket_seconds)
                fleet.upkeep()
                first = wait_for_first_call(servers.upstream, fleet.processes)
                cpu = cpu_seconds(worker.pid)
                unfinished = partial(queued_jobs.unfinished, database)
                wait_for_last_job(servers.upstream, jobs, unfinished, fleet.processes)
                cpu = cpu_seconds(worker.pid) - cpu
            queued_jobs.check_all_succeeded(database, jobs, servers.upstream.stats().calls)
            return Drained(jobs / (queued_jobs.last_finished(database) - first), 1_000 * cpu / jobs)
        finally:
            database.close()


def drain_plain(servers: Servers, jobs: int, slots: int) -> Drained:
    """The plain task: one worker."""
    with a_side(servers, prepared=False) as (url, folder):
        celery_worker.prepare(url, jobs)
        with celery_worker.Sender(servers.valkey.url, servers.upstream.url) as sender:
            sender.send_many(jobs)
        with celery_worker.running_workers(
            folder, 1, slots, redis_url=servers.valkey.url, database_url=url
        ) as (worker,):
            first = wait_for_first_call(servers.upstream, [worker])
            cpu = cpu_seconds(worker.pid)
            unfinished = partial(celery_worker.unfinished, url)
            wait_for_last_job(servers.upstream, jobs, unfinished, [worker])
            cpu = cpu_seconds(worker.pid) - cpu
        return Drained(jobs / (celery_worker.last_finished(url) - first), 1_000 * cpu / jobs)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


SIDES: dict[str, Side] = {
    PLAIN: drain_plain,
    ONE_JOB: partial(drain_segq, ticket_seconds=0),
    LONG: partial(drain_segq, ticket_seconds=30),
}
