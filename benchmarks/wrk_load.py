"""Load by `wrk`, the HTTP load generator: runs it and reads what it found."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.complaint import ComplaintError

CONNECTIONS = 64
_SCRIPT = Path(__file__).parent / "wrk" / "load.lua"
_FOUND = re.compile(
    r"^found: requests=(?P<requests>\d+) microseconds=(?P<microseconds>\d+) p50=(?P<p50>\d+) "
    r"p99=(?P<p99>\d+) max=(?P<max>\d+) broken=(?P<broken>\d+) answers: (?P<answers>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Load:
    """What came of it: answers a second; latencies in ms; how many answers of each status."""

    rate: float
    p50: float
    p99: float
    slowest: float
    answers: dict[int, int]


def program() -> str:
    """The path of wrk; raises `ComplaintError` when it is not installed."""
    found = shutil.which("wrk")
    if found is None:
        raise ComplaintError("wrk is not installed; on Debian or Ubuntu: apt install wrk")
    return found


def run(url: str, seconds: int, words: Sequence[str], *, expected: int) -> Load:
    """64 connections with keep-alive for so long; `words` are for `wrk/load.lua`.

    Raises `ComplaintError` when an answer had another status than `expected`: a fast refusal is
    no speed.
    """
    command = [
        program(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s",
        "-s", str(_SCRIPT), url, "--", *words,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ComplaintError(f"wrk ended with {done.returncode}: {done.stderr or done.stdout}")
    return read(done.stdout, expected=expected)


def read(text: str, *, expected: int) -> Load:
    """What wrk printed; raises `ComplaintError` as `run` does."""
    found = _FOUND.search(text)
    if found is None:
        raise ComplaintError(f"wrk did not say what it found:\n{text}")
    answers = {
        int(code): int(count)
        for code, _, count in (word.partition("=") for word in found["answers"].split())
    }
    if int(found["broken"]) or set(answers) != {expected}:
        raise ComplaintError(
            f"wrk expected answers of {expected} alone and got {answers or 'none'}, with "
            f"{found['broken']} broken connections or timeouts"
        )
    return Load(
        rate=int(found["requests"]) / (int(found["microseconds"]) / 1_000_000),
        p50=int(found["p50"]) / 1_000,
        p99=int(found["p99"]) / 1_000,
        slowest=int(found["max"]) / 1_000,
        answers=answers,
    )
