"""Idle start latency: from "accepted" at the client until the call is at the (sandbox) provider.

segq: the 202's arrival → ticket → permit → claim and intent committed → POST received.
Baseline: `apply_async` returns → a plain Celery worker → POST received, on the same Redis, threads.
The two take turns, 150 ms apart, so that both meet the same noise.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from segq_client import Client

ROUNDS = 200
GAP = 0.15
INPUT = {"image": "https://example.org/a.png", "prompt": "a fox"}


def main() -> None:
    """Start a system of its own, measure, print, end it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ, "SEGQ_HOME": folder, "SEGQ_PORT": "0", "SEGMIND_RPM": "60000",
        }  # fmt: skip
        segq = [sys.executable, "-m", "cli"]
        subprocess.run([*segq, "up", "--detach"], env=environment, check=True, stdout=sys.stderr)
        try:
            run = json.loads((Path(folder) / "run.json").read_text())
            print(
                f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
            )
            for name, waits in measure(run).items():
                print(f"{name:13} n={len(waits)}  {shown(waits)}")
        finally:
            subprocess.run([*segq, "down"], env=environment, check=True, stdout=sys.stderr)


def measure(run: dict[str, Any]) -> dict[str, list[float]]:
    """Milliseconds from accepted to received, in the order of the calls."""
    os.environ["BASELINE_REDIS"] = run["redis"].removesuffix("/0") + "/1"
    from benchmarks.plain_celery import generate  # noqa: PLC0415  # reads the line above

    worker = [sys.executable, "-m", "celery", "-q", "-A", "benchmarks.plain_celery", "worker"]
    plain = subprocess.Popen(
        [*worker, "-P", "threads", "-c", "32", "-l", "ERROR"], stdout=subprocess.DEVNULL
    )
    url, key = f"{run['sandbox']}/v1/ssd-canny", run["sandbox_key"]
    with httpx.Client(trust_env=False) as http, Client(run["gateway"], run["api_key"]) as client:
        sandbox = f"{run['sandbox']}/_sandbox"
        quick = {"latency": {"median": 0.02, "sigma": 0}, "rpm": None}
        http.post(f"{sandbox}/settings", json=quick).raise_for_status()
        submits: dict[str, Callable[[int], object]] = {
            "segq": lambda seed: client.submit("ssd-canny", {**INPUT, "seed": seed}),
            "plain celery": lambda seed: generate.delay(url, key, {**INPUT, "seed": seed}),
        }
        time.sleep(4)  # both workers are up, and segq's limiter has found its memory
        accepted: dict[int, tuple[str, float]] = {}
        for turn in range(2 * ROUNDS):
            name = list(submits)[turn % 2]
            submits[name](turn)
            accepted[turn] = (name, time.time())
            time.sleep(GAP)
        rows = http.get(f"{sandbox}/ledger").json()
    plain.terminate()
    plain.wait(20)
    waits: dict[str, list[float]] = {name: [] for name in submits}
    for row in rows:
        name, at = accepted[row["seed_sent"]]
        waits[name].append((row["received_at"] - at) * 1000)
    # The first of each pays for imports and connections.
    return {name: found[5:] for name, found in waits.items()}


def shown(waits: list[float]) -> str:
    """Median, 90th and 99th percentile."""
    cuts = statistics.quantiles(waits, n=100)
    return f"p50 {cuts[49]:5.1f} ms  p90 {cuts[89]:5.1f} ms  p99 {cuts[98]:5.1f} ms"


if __name__ == "__main__":
    main()
