"""Random load: single jobs, bursts, repeats under one key, cancels, jobs with times of their own."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

from segq_client import Client
from segq_client.errors import SegqError
from tests.systems.jobs_at_work import PHOTOGRAPH

_WEIGHTS = {"single": 8, "burst": 2, "repeat": 2, "cancel": 3, "scheduled": 2, "bounded": 2}
_THREADS = 4


class Load:
    """What clients do, in an order that follows from the seed. `promised` is what was answered 202.

    A submit that got no answer is not promised: its job may be there or not, once.
    """

    def __init__(self, clients: list[Client], seed: int, jobs_a_second: float) -> None:
        self._clients = clients
        self._random = Random(f"load {seed}")
        self._pause = 1 / jobs_a_second
        self._lock = threading.Lock()
        self._owners: dict[str, Client] = {}
        self.did: Counter[str] = Counter()
        self.broken: list[str] = []
        """Promises of the gateway itself that it broke, in words."""

    @property
    def promised(self) -> list[str]:
        with self._lock:
            return list(self._owners)

    def run(self, ended: threading.Event) -> None:
        """Until `ended` is set, and all that was asked for is answered."""
        with ThreadPoolExecutor(_THREADS) as pool:
            number = 0
            while not ended.is_set():
                kind = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
                count = self._random.randint(5, 40) if kind == "burst" else 1
                for _ in range(count):
                    number += 1
                    pool.submit(self._act, kind, number, self._random.random())
                # Bursts count in full, so that the load is the same in the long run.
                ended.wait(self._random.expovariate(1 / (self._pause * count)))

    def _act(self, kind: str, number: int, drawn: float) -> None:
        client = self._clients[number % len(self._clients)]
        try:
            match kind:
                case "cancel":
                    self._cancel(drawn)
                case "repeat":
                    self._repeat(client, number)
                case _:
                    self._submit(client, number, **_times(kind, drawn))
        except SegqError as error:
            self.did[f"{kind}, not answered: {type(error).__name__}"] += 1
        else:
            self.did[kind] += 1

    def _submit(self, client: Client, number: int, **fields: Any) -> str:
        slug, values = "ssd-canny", {"image": PHOTOGRAPH, "prompt": f"soak {number}"}
        if number % 5 == 0:
            slug, values = "ssd-1b", {"prompt": f"soak {number}"}
        job = client.submit(slug, values, **fields)
        with self._lock:
            self._owners[job.id] = client
        return job.id

    def _repeat(self, client: Client, number: int) -> None:
        key = f"soak-{uuid4()}"
        first = self._submit(client, number, idempotency_key=key)
        again = self._submit(client, number, idempotency_key=key)
        if first != again:
            self.broken.append(f"one Idempotency-Key led to the jobs {first} and {again}")

    def _cancel(self, drawn: float) -> None:
        with self._lock:
            latest = list(self._owners.items())[-50:]
        if latest:
            job, client = latest[int(drawn * len(latest))]
            client.cancel(job)


def _times(kind: str, drawn: float) -> dict[str, str]:
    at = (datetime.now(UTC) + timedelta(seconds=1 + 9 * drawn)).isoformat()
    match kind:
        case "scheduled":
            return {"run_at": at}
        case "bounded":
            return {"start_by" if drawn < 0.5 else "finish_by": at}
        case _:
            return {}
