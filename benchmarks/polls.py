"""What it costs to have v2 requests under way, beside asking about each once a second.

segq: `worker.polling.poll` in this process, once a second as beat has upkeep do it, with requests
that are old enough to be asked about every 20 s. Baseline: what Segmind's own SDK does. Neither
side's requests end. CPU time is this process's: neither the stand-in's nor PostgreSQL's own.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import requests_underway, sqlite
from benchmarks.baselines.asking_every_second import Asked, ask_every_second
from benchmarks.complaint import ComplaintError
from benchmarks.fleet import worker_settings
from benchmarks.report import Report
from benchmarks.servers.together import Servers, running_servers
from benchmarks.servers.upstream import Upstream
from benchmarks.side import a_side
from worker import settings
from worker.connecting import ASKERS
from worker.parts import Parts, build
from worker.polling import poll

EVERY_SECOND = "a GET a second for each (CPU reckoned)"
DATABASES: dict[str, Callable[[str, Path], str]] = {
    "segq on SQLite": lambda _, folder: sqlite.new_file(folder),
    "segq on PostgreSQL": lambda url, _: url,
}
CPU, RATE, CPU_OF_ONE = "CPU", "polls, rate", "CPU of a poll"
_TURN = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, kind, default, means in (
        ("requests", int, 1_000, "v2 requests under way"),
        ("age", float, 300.0, "seconds since they were sent"),
        ("seconds", float, 25.0, "how long segq asks"),
        ("loop", float, 5.0, "seconds that the baseline asks"),
    ):
        told = f"{means}; default: {default:g}"
        parser.add_argument(f"--{name}", type=kind, default=default, help=told)


def measure(options: argparse.Namespace, report: Report) -> None:
    with running_servers(upstream_seconds=0) as servers:
        for _ in range(options.runs):
            ids: list[str] = []
            for name, url_of in DATABASES.items():
                with (
                    a_side(servers) as (url, folder),
                    _parts(servers, url_of(url, folder), folder) as parts,
                ):
                    ids = requests_underway.add(parts, options.requests, options.age)
                    found = _ask(parts, servers.upstream, options.seconds)
                _add(report, name, found, found.polls / found.seconds)
            # Those of the last side: the stand-in knows them all.
            found = ask_every_second(servers.upstream.url, ids, ASKERS, options.loop)
            _add(report, EVERY_SECOND, found, rate=options.requests)
    for name in DATABASES:
        report.bound(name, CPU, at_most=5)
    for name in DATABASES:
        report.ratio(CPU, name, EVERY_SECOND)
        report.ratio(CPU_OF_ONE, name, EVERY_SECOND)


def _ask(parts: Parts, upstream: Upstream, seconds: float) -> Asked:
    """A turn a second for so long, after one that pays for connections."""
    poll(parts)
    before = upstream.stats().asked
    outcomes: Counter[str] = Counter()
    began, cpu = time.monotonic(), time.process_time()
    until = began + seconds
    while (now := time.monotonic()) < until:
        outcomes.update(poll(parts))
        time.sleep(max(0.0, min(now + _TURN, until) - time.monotonic()))
    asked = Asked(outcomes.total(), time.monotonic() - began, time.process_time() - cpu)
    came = upstream.stats().asked - before
    if set(outcomes) != {"under way"} or came != asked.polls:
        raise ComplaintError(f"{came} questions came, and their ends were {dict(outcomes)}")
    return asked


def _add(report: Report, subject: str, found: Asked, rate: float) -> None:
    """CPU at `rate` polls a second: as it was measured, or as it would be."""
    of_one = found.cpu / found.polls
    report.add(subject, CPU, "% of a core", 100 * of_one * rate)
    report.add(subject, RATE, "/s", found.polls / found.seconds)
    report.add(subject, CPU_OF_ONE, "ms", 1_000 * of_one)


@contextmanager
def _parts(servers: Servers, url: str, folder: Path) -> Iterator[Parts]:
    """An upkeep's parts, in this process."""
    given = worker_settings(folder, url, servers.valkey.url, servers.upstream.url)
    parts = build(settings.read(given))
    try:
        yield parts
    finally:
        parts.askers.shutdown()
        parts.upstream.close()
        parts.redis.close()
        parts.database.close()
