"""A script with a bucket: `python -m benchmarks.baselines.token_bucket URL CALLS SECONDS PAUSE FOLDER`.

In the manner of OpenAI's cookbook ("How to handle rate limits", its parallel processor): a bucket
holds CALLS, full at the start and filled in SECONDS, a minute there; how many its user guesses.
After a 429 nothing starts for a PAUSE (there 15 s), and the call is made again, five times at most.
Its jobs have no end, and nothing of them survives it. It looks around every 10 ms, not every one.
"""

import asyncio
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.queued_jobs import INPUT
from benchmarks.servers.sandbox import KEY

_LOOK_SECONDS = 0.01
_ATTEMPTS = 5


@dataclass
class Job:
    """One job of the list."""

    number: int
    attempts_left: int = _ATTEMPTS


class Processor:
    """The script's loop and what its calls share."""

    def __init__(self, url: str, calls: float, seconds: float, pause: float, folder: Path) -> None:
        self._url = url
        self._rate = calls / seconds
        self._most = calls
        self._pause = pause
        self._folder = folder
        self._again: deque[Job] = deque()
        self._refused_at = -pause
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until it is killed."""
        made, capacity, since = 0, self._most, time.monotonic()
        job: Job | None = None
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(trust_env=False, timeout=120, limits=limits) as http:
            while True:
                if job is None:
                    made += not self._again
                    job = self._again.popleft() if self._again else Job(made)
                now = time.monotonic()
                capacity = min(self._most, capacity + (now - since) * self._rate)
                since = now
                if capacity >= 1:
                    capacity -= 1
                    self._start(http, job)
                    job = None
                    await asyncio.sleep(0)
                else:
                    await asyncio.sleep(_LOOK_SECONDS)
                await asyncio.sleep(max(0.0, self._refused_at + self._pause - time.monotonic()))

    def _start(self, http: httpx.AsyncClient, job: Job) -> None:
        task = asyncio.create_task(self._call(http, job))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _call(self, http: httpx.AsyncClient, job: Job) -> None:
        job.attempts_left -= 1
        body = {**INPUT, "seed": job.number}
        try:
            answer = await http.post(self._url, json=body, headers={"x-api-key": KEY})
        except httpx.HTTPError:
            self._refuse(job)
            return
        if answer.is_success:
            (self._folder / f"{job.number}.jpg").write_bytes(answer.content)
            return
        if answer.status_code == 429:
            self._refused_at = time.monotonic()
        self._refuse(job)

    def _refuse(self, job: Job) -> None:
        if job.attempts_left:
            self._again.append(job)


if __name__ == "__main__":
    url_, calls_, seconds_, pause_, folder_ = sys.argv[1:]
    processor = Processor(url_, float(calls_), float(seconds_), float(pause_), Path(folder_))
    asyncio.run(processor.run())
