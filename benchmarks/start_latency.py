"""Idle start latency: from "accepted" at the client until the call has arrived upstream.

segq: the 202's arrival → ticket → permit → claim and intent committed → POST received.
Baseline: `send_task` returns → a plain Celery worker → POST received, on the same Valkey. The two
take turns, some time apart, so that both meet the same noise.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import sqlite
from benchmarks.baselines import celery_worker
from benchmarks.finish_line import wait_for_calls
from benchmarks.fleet import Fleet
from benchmarks.queued_jobs import INPUT, MODEL
from benchmarks.report import Report
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side, an_api_key
from db.engine import Database
from segq_client import Client

PLAIN = "plain Celery task"
DATABASES: dict[str, Callable[[str, Path], str]] = {
    "segq on SQLite": lambda _, folder: sqlite.new_file(folder),
    "segq on PostgreSQL": lambda url, _: url,
}
SLOTS = 32
_CALL_SECONDS = 0.02
_WARM = 5
"""The first of each pay for imports and connections."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, default=200, help="of each side; default: %(default)d")
    parser.add_argument(
        "--gap", type=float, default=0.15, help="seconds between two; default: %(default)g"
    )


def measure(options: argparse.Namespace, report: Report) -> None:
    with running_servers(upstream_seconds=_CALL_SECONDS) as servers:
        for _ in range(options.runs):
            for name, url_of in DATABASES.items():
                with a_side(servers) as (url, folder):
                    _measure(servers, url_of(url, folder), folder, name, options, report)
    for name in DATABASES:
        report.ratio("p50", name, _beside(name))


def _measure(
    servers: Servers,
    url: str,
    folder: Path,
    name: str,
    options: argparse.Namespace,
    report: Report,
) -> None:
    database = Database(url)
    plain_url = servers.postgres.new_database(prepared=False)
    celery_worker.prepare(plain_url, 2 * (options.jobs + _WARM))
    redis_url, upstream_url = servers.valkey.url, servers.upstream.url
    with (
        Fleet(folder, url, redis_url, upstream_url) as fleet,
        celery_worker.running_workers(
            folder, 1, SLOTS, redis_url=redis_url, database_url=plain_url
        ),
        celery_worker.Sender(redis_url, upstream_url) as sender,
        Client(fleet.gateway(), an_api_key(database)) as client,
    ):
        fleet.workers(1, SLOTS)
        fleet.upkeep()
        submits: dict[str, Callable[[int], object]] = {
            name: lambda seed: client.submit(MODEL, {**INPUT, "seed": seed}),
            _beside(name): lambda seed: sender.send(seed, seed),
        }
        accepted: dict[int, tuple[str, float]] = {}
        for seed in range(1, 2 * (options.jobs + _WARM) + 1):
            side = list(submits)[seed % 2]
            submits[side](seed)
            accepted[seed] = (side, time.time())
            time.sleep(options.gap)
        waits: dict[str, list[float]] = {side: [] for side in submits}
        wait_for_calls(servers.upstream, len(accepted), fleet.processes)
        for came, seed in sorted(servers.upstream.calls()):
            side, at = accepted[seed]
            waits[side].append(1_000 * (came - at))
    database.close()
    servers.postgres.drop(plain_url)
    for side, found in waits.items():
        cuts = statistics.quantiles(found[_WARM:], n=100)
        for measure_, value in (("p50", cuts[49]), ("p90", cuts[89]), ("p99", cuts[98])):
            report.add(side, measure_, "ms", value)


def _beside(name: str) -> str:
    return f"{PLAIN}, beside {name}"
