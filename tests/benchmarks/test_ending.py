"""However a benchmark ends, what it started is gone."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from tests.benchmarks.bench_process import Bench

# Calls that outlast the test: a worker which is only asked to end would wait for them.
LONG = ("slots", "--jobs", "8", "--processes", "2", "--slots", "4", "--seconds", "300")


def _ctrl_c(popen: subprocess.Popen[str]) -> None:
    os.killpg(popen.pid, signal.SIGINT)


@pytest.mark.parametrize("end", [_ctrl_c, subprocess.Popen.terminate])
def test_interrupted_with_calls_in_flight(
    bench: Bench, end: Callable[[subprocess.Popen[str]], None]
) -> None:
    popen = bench.start(*LONG)
    _wait_for_call(bench, popen)
    end(popen)
    said = popen.communicate(timeout=15)[0]
    assert popen.returncode == 130, said
    assert "Traceback" not in said
    assert bench.left() == []


def test_without_a_name_it_lists_them(bench: Bench) -> None:
    popen = bench.start()
    said = popen.communicate(timeout=30)[0]
    assert popen.returncode == 0
    assert "  drain " in said
    assert "  all " in said


def test_a_name_that_it_does_not_know(bench: Bench) -> None:
    popen = bench.start("dran")
    said = popen.communicate(timeout=30)[0]
    assert popen.returncode == 2
    assert said.startswith("there is no benchmark 'dran'; there are\n  drain ")


def _wait_for_call(bench: Bench, popen: subprocess.Popen[str]) -> None:
    """Return once calls are under way."""
    deadline = time.monotonic() + 60
    upstream = None
    while upstream is None or httpx.get(f"{upstream}/stats").json()["calls"] < 1:
        assert popen.poll() is None
        assert time.monotonic() < deadline, bench.left()
        port = re.search(r"benchmarks\.upstream (\d+) 300", "\n".join(bench.left()))
        with suppress(OSError):
            if port:
                socket.create_connection(("127.0.0.1", int(port[1])), timeout=1).close()
                upstream = f"http://127.0.0.1:{port[1]}"
        time.sleep(0.05)
