"""What Segmind's own SDK does while a v2 request runs: `GET …/status` every second (segmind-api §2).

Bare loops with a `requests.Session` each: nothing is written down, and who asks dies with the
process. The SDK has a thread wait for each request; here the requests are shared among a few.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import requests

from benchmarks.complaint import ComplaintError


@dataclass(frozen=True)
class Asked:
    """Questions that were answered, within so many seconds, for so many seconds of CPU time."""

    polls: int
    seconds: float
    cpu: float


def ask_every_second(url: str, ids: Sequence[str], threads: int, seconds: float) -> Asked:
    """Ask about each of `ids` once a second, or as often as `threads` can; `cpu` is this process's."""
    sessions = [requests.Session() for _ in range(threads)]
    for session in sessions:
        # The caller's proxies are not for loopback.
        session.trust_env = False
    shares = [ids[n::threads] for n in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        # The first question of each pays for its connection.
        firsts = [share[:1] for share in shares]
        sum(pool.map(partial(_ask, url), sessions, firsts, [0.0] * threads))
        began, cpu = time.monotonic(), time.process_time()
        until = [began + seconds] * threads
        polls = sum(pool.map(partial(_ask, url), sessions, shares, until))
        asked = Asked(polls, time.monotonic() - began, time.process_time() - cpu)
    for session in sessions:
        session.close()
    return asked


def _ask(url: str, session: requests.Session, ids: Sequence[str], until: float) -> int:
    """Rounds of a second or longer, one at least of its first question; how many were answered."""
    polls = 0
    while True:
        next_round = time.monotonic() + 1
        for one in ids:
            answer = session.get(
                f"{url}/v2/requests/{one}/status", headers={"x-api-key": "SG_bench"}, timeout=60
            )
            answer.raise_for_status()
            if answer.json()["status"] != "PROCESSING":
                raise ComplaintError(f"a request does not run: {answer.text}")
            polls += 1
            if time.monotonic() >= until:
                return polls
        time.sleep(max(0.0, min(next_round, until) - time.monotonic()))
        if time.monotonic() >= until:
            return polls
