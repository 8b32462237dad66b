"""A caller who goes on submitting jobs, whatever happens to the gateways."""

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

_PAUSE = 0.04
"""Seconds from job to job."""


class Feeder:
    """`gateways` may change while it runs. A job that got no answer is sent again, under its key."""

    def __init__(self, gateways: Sequence[str], key: str) -> None:
        self.gateways = list(gateways)
        self.accepted: list[str] = []
        self.repeats = 0
        self.refused: list[str] = []
        self._key = key
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {self._key}"}, timeout=10) as client:
            while not self._stop.wait(_PAUSE):
                self._submit(client, len(self.accepted))

    def _submit(self, client: httpx.Client, number: int) -> None:
        key = {"Idempotency-Key": f'"{secrets.token_hex(16)}"'}
        values = {"image": "https://example.org/photo.png", "prompt": f"picture {number}"}
        while True:
            try:
                answer = client.post(
                    f"{self.gateways[0]}/api/v1/jobs",
                    json={"model": "ssd-canny", "input": values},
                    headers=key,
                )
            except httpx.TransportError:
                self.repeats += 1
                time.sleep(_PAUSE)
                continue
            if answer.status_code == httpx.codes.ACCEPTED:
                self.accepted.append(answer.json()["id"])
            else:
                self.refused.append(answer.text)
            return

    @contextmanager
    def feeding(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(30)
