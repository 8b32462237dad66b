"""What a figure was measured on: without it the figure says little."""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers.postgres import SETTINGS, installed_programs
from benchmarks.servers.valkey import program

_FLUSHES = 100


def describe() -> dict[str, str]:
    """A line for each thing that moves a figure, in the order in which they are shown."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{_memory_gb():.0f} GB",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "one flush to disk": f"{_flush_ms():.2f} ms (8 KB and fdatasync, median)",
        "Python": platform.python_version(),
        "PostgreSQL": f"{_postgres()} ({', '.join(f'{k}={v}' for k, v in SETTINGS.items())})",
        "Valkey": _valkey(),
        "Celery": f"{version('celery')} with kombu {version('kombu')}",
        "load before the start": " ".join(f"{one:.2f}" for one in os.getloadavg()),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    first = Path("/proc/meminfo").read_text().splitlines()[0]
    return int(first.split()[1]) / 1_048_576


def _flush_ms() -> float:
    took = []
    with tempfile.NamedTemporaryFile(buffering=0) as file:
        for _ in range(_FLUSHES):
            began = time.perf_counter()
            # In place, as a database writes its log: a file that grows would be flushed with more.
            os.pwrite(file.fileno(), bytes(8_192), 0)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1_000


def _postgres() -> str:
    # It says: postgres (PostgreSQL) 17.2
    return _said(installed_programs() / "postgres").rpartition(" ")[2]


def _valkey() -> str:
    # It says: Valkey server v=9.1.2 sha=… malloc=…
    words = dict(word.partition("=")[::2] for word in _said(program()).split() if "=" in word)
    return f"{words.get('v', '')}, appendfsync everysec"


def _said(of: Path) -> str:
    done = subprocess.run([of, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()
