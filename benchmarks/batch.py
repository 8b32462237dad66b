"""Many jobs in one go: lines into a gateway and results out of it, a look at a million, a paced run.

Beside the lines the same rows are put straight into the database, and Celery is given as many tasks.
"""

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks import queued_jobs
from benchmarks.baselines.bare_rows import bare_insert
from benchmarks.baselines.celery_enqueue import tasks_a_second
from benchmarks.batch_rows import ended, grown
from benchmarks.complaint import ComplaintError
from benchmarks.fleet import Fleet
from benchmarks.processes_seen import memory
from benchmarks.queued_jobs import INPUT, MODEL
from benchmarks.report import Report
from benchmarks.servers.sandbox import running_sandbox
from benchmarks.servers.together import Servers, running_servers
from benchmarks.side import a_side, an_api_key
from db.engine import Database
from db.migrate import upgrade

POSTGRES, SQLITE = "segq, PostgreSQL", "segq, SQLite"
BARE = {POSTGRES: "bare COPY", SQLITE: "bare executemany"}
CELERY = "Celery, apply_async"
RATE, GROWTH = "lines, rate", "gateway's RSS, growth"
LOOK, OUT, OUT_GROWTH = "look at the batch, p95", "results, rate", "RSS while results leave, growth"
PACED, LONGER = "500 images at 200 a minute", "longer than the pace and one call"
_MB = 1_000_000
_LOOKS = 100
_RPM, _LATENCY, _WINDOW = 200, 6.0, 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, default, means in (
        ("lines", 100_000, "lines that are sent"),
        ("million", 1_000_000, "jobs of the batch that is looked at"),
        ("images", 500, "images of the paced run; 0: none"),
        ("tasks", 5_000, "tasks that Celery is given"),
    ):
        told = f"{means}; default: {default:,}"
        parser.add_argument(f"--{name}", type=int, default=default, help=told)


def measure(options: argparse.Namespace, report: Report) -> None:
    with running_servers(upstream_seconds=0) as servers:
        for _ in range(options.runs):
            with a_side(servers) as (url, folder):
                _lines(servers, url, folder, options.lines, report, POSTGRES)
            with a_side(servers, prepared=False) as (_, folder):
                url = f"sqlite:///{folder / 'segq.db'}"
                _lines(servers, url, folder, options.lines, report, SQLITE)
            report.add(CELERY, RATE, "/s", tasks_a_second(servers.valkey.url, options.tasks))
            with a_side(servers) as (url, folder):
                _looks(servers, url, folder, options.million, report)
            with a_side(servers) as (url, folder):
                _results(servers, url, folder, options.lines, report)
            if options.images:
                with a_side(servers) as (url, folder):
                    _paced(servers, url, folder, options.images, report)
    for subject in (POSTGRES, SQLITE):
        report.bound(subject, RATE, at_least=10_000)
        report.bound(subject, GROWTH, at_most=80)
        report.ratio(RATE, subject, BARE[subject])
        report.ratio(RATE, subject, CELERY)
    report.bound(POSTGRES, LOOK, at_most=30)
    report.bound(POSTGRES, OUT, at_least=5_000)
    report.bound(POSTGRES, OUT_GROWTH, at_most=80)
    if options.images:
        report.bound(PACED, LONGER, at_most=1.05)


def _lines(
    servers: Servers, url: str, folder: Path, count: int, report: Report, subject: str
) -> None:
    """The lines as a file, sent by a program that costs little itself."""
    database = Database(url)
    try:
        upgrade(database)
        file = folder / "lines.jsonl"
        _write_lines(file, count)
        key = an_api_key(database)
        with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
            at = fleet.gateway()
            gateway = fleet.processes[0].pid
            _send(at, key, _opened(at, key), file.with_name("warm.jsonl"), 1_000)
            before = memory(gateway)[0]
            began = time.perf_counter()
            with _growth(gateway, before) as grew:
                _send(at, key, _opened(at, key), file, count)
            took = time.perf_counter() - began
        report.add(subject, RATE, "/s", count / took)
        report.add(subject, GROWTH, "MB", grew[0])
        report.add(BARE[subject], RATE, "/s", bare_insert(database, count))
    finally:
        database.close()


def _write_lines(file: Path, count: int) -> None:
    for path, many in ((file, count), (file.with_name("warm.jsonl"), 1_000)):
        with path.open("w") as written:
            for n in range(many):
                line = {"custom_id": f"line {n}", "input": {"prompt": f"fox {n}", "seed": n}}
                written.write(json.dumps(line) + "\n")


def _opened(at: str, key: str) -> str:
    body = {"model": MODEL, "input": INPUT}
    with httpx.Client(base_url=at, headers=_as(key), trust_env=False) as http:
        return str(http.post("/api/v1/batches", json=body).raise_for_status().json()["id"])


def _send(at: str, key: str, batch: str, file: Path, count: int) -> None:
    """Raises `ComplaintError` unless every line of the file was accepted."""
    words = [
        *("curl", "--silent", "--show-error", "--fail-with-body", "--data-binary", f"@{file}"),
        *("-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/jsonl"),
        f"{at}/api/v1/batches/{batch}/jobs",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode or json.loads(done.stdout)["accepted"] != count:
        raise ComplaintError(f"the lines were answered {done.stdout[:500]} {done.stderr}")


@contextmanager
def _growth(pid: int, before: int) -> Iterator[list[float]]:
    """Megabytes by which the process's peak is above what it had before; told at the end."""
    found = [0.0]
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    yield found
    status = Path(f"/proc/{pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1_024
    found[0] = max(0.0, (peak - before) / _MB)


def _looks(servers: Servers, url: str, folder: Path, count: int, report: Report) -> None:
    database = Database(url)
    try:
        batch = grown(database, count)
        key = an_api_key(database)
        with (
            Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet,
            httpx.Client(base_url=fleet.gateway(), headers=_as(key), trust_env=False) as http,
        ):
            took = []
            for _ in range(_LOOKS):
                began = time.perf_counter()
                seen = http.get(f"/api/v1/batches/{batch}").raise_for_status().json()
                took.append(1_000 * (time.perf_counter() - began))
            if seen["jobs"] != count or sum(seen["counts"].values()) != count:
                raise ComplaintError(f"a batch of {count} jobs is shown as {seen['counts']}")
        report.add(POSTGRES, LOOK, "ms", statistics.quantiles(took, n=20)[18])
    finally:
        database.close()


def _results(servers: Servers, url: str, folder: Path, count: int, report: Report) -> None:
    database = Database(url)
    try:
        batch = ended(database, count)
        key = an_api_key(database)
        with Fleet(folder, url, servers.valkey.url, servers.upstream.url) as fleet:
            at = fleet.gateway()
            gateway = fleet.processes[0].pid
            before = memory(gateway)[0]
            file = folder / "results.jsonl"
            began = time.perf_counter()
            with _growth(gateway, before) as grew:
                subprocess.run(
                    [
                        *("curl", "--silent", "--fail", "--output", str(file)),
                        *("-H", f"Authorization: Bearer {key}"),
                        f"{at}/api/v1/batches/{batch}/results",
                    ],
                    check=True,
                )
            took = time.perf_counter() - began
        with file.open("rb") as lines:
            came = sum(1 for _ in lines)
        if came != count:
            raise ComplaintError(f"{came} results of {count} came")
        report.add(POSTGRES, OUT, "/s", count / took)
        report.add(POSTGRES, OUT_GROWTH, "MB", grew[0])
    finally:
        database.close()


def _paced(servers: Servers, url: str, folder: Path, count: int, report: Report) -> None:
    """From the first line's sending to the last job's end, beside what the account lets through."""
    database = Database(url)
    settings = {
        "rpm": _RPM,
        "window": "sliding",
        "window_seconds": _WINDOW,
        "latency": {"median": _LATENCY, "sigma": 0},
    }
    try:
        key = an_api_key(database)
        with (
            running_sandbox(folder, settings) as sandbox,
            Fleet(
                folder, url, servers.valkey.url, sandbox.url, {"SEGMIND_RPM": str(_RPM)}
            ) as fleet,
        ):
            at = fleet.gateway()
            fleet.workers(1, max(8, _RPM // 4))
            fleet.upkeep()
            file = folder / "lines.jsonl"
            _write_lines(file, count)
            began = time.time()
            _send(at, key, _opened(at, key), file, count)
            while queued_jobs.unfinished(database):
                for process in fleet.processes:
                    process.check()
                time.sleep(0.1)
            took = queued_jobs.last_finished(database) - began
        if (states := queued_jobs.by_state(database)) != {"succeeded": count}:
            raise ComplaintError(f"{count} jobs became {states}")
        report.add(PACED, "total", "s", took)
        report.add(PACED, LONGER, "times", took / (count / _RPM * 60 + _LATENCY))
    finally:
        database.close()


def _as(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
