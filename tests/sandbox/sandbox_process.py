"""One sandbox as a process, with what the tests ask of it."""

import base64
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import httpx
from PIL import Image

from tests.systems.threads import FOR_THREADS

ROOT = Path(__file__).parents[2]
KEY = "SG_0123456789abcdef"
OTHER_KEY = "SG_fedcba9876543210"
AT_ONCE = {"median": 0, "sigma": 0}
CALM: dict[str, Any] = {
    "rpm": None,
    "window": "fixed",
    "window_seconds": 60,
    "concurrency": None,
    "outside_rpm": 0,
    "latency": AT_ONCE,
    "credits": "100",
    "speed": 1,
    "fetch_images": False,
    "reset_header": "always",
    "reset_format": "iso",
    "reset_offset": 0,
    "clock_offset": 0,
    "charge_on_disconnect": "always",
    "samples_form": "json_list",
    "queue": AT_ONCE,
    "v2_malformed": "refuse",
    "v2_images": True,
    "v2_output": "list",
    "record_seconds": 3_600,
    "polls_count": False,
    "output_seconds": 604_800,
    "history_lag": AT_ONCE,
    "history_missing": 0,
    "history_image": "whole",
    "history_ids": "same",
    "teammates_rpm": 0,
}
URL = "https://example.org/photo.png"
CALL: dict[str, Any] = {"image": URL, "prompt": "a cup", "seed": 7}
PHOTOGRAPH = (ROOT / "sandbox" / "photographs" / "coffee.jpg").read_bytes()


class SandboxProcess:
    """``python -m sandbox`` on a free port, accepting when the constructor returns.

    What it complains about goes to `errors`, or to where the test's own goes; `environment` is
    laid over the test's own.
    """

    def __init__(self, errors: IO[bytes] | None = None, **environment: str) -> None:
        keys = ["--key", KEY, "--key", OTHER_KEY]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", *keys, "--settings", json.dumps(CALM)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        if not self.line.startswith("sandbox listening on "):
            self.end()
            raise RuntimeError(f"the sandbox did not start: {self.line!r}")
        self.url = self.line.split()[-1]
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=30, limits=FOR_THREADS)

    def call(self, *, key: str = KEY, model: str = "ssd-canny", **changes: Any) -> httpx.Response:
        """CALL with ``changes``; a parameter set to ... is left out."""
        body = {name: value for name, value in {**CALL, **changes}.items() if value is not ...}
        return self.http.post(f"/v1/{model}", json=body, headers={"x-api-key": key})

    def submit(self, *, key: str = KEY, model: str = "ssd-canny", **changes: Any) -> httpx.Response:
        """CALL with ``changes`` over v2."""
        body = {name: value for name, value in {**CALL, **changes}.items() if value is not ...}
        return self.http.post(f"/v2/{model}", json=body, headers={"x-api-key": key})

    def submitted(self, **changes: Any) -> str:
        """The id of an accepted `submit`."""
        answer = self.submit(**changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["request_id"])

    def ask(self, path: str, key: str = KEY, **query: Any) -> httpx.Response:
        return self.http.get(path, headers={"x-api-key": key}, params=query)

    def record(self, request_id: str, key: str = KEY) -> httpx.Response:
        return self.ask(f"/v2/requests/{request_id}", key)

    def ended(self, request_id: str) -> httpx.Response:
        """The record once it is at rest."""
        until(
            lambda: self.record(request_id).json().get("status") not in ("QUEUED", "PROCESSING"),
        )
        return self.record(request_id)

    def history(self, key: str = KEY, **query: Any) -> dict[str, Any]:
        answer = self.ask("/inference-request/request-history", key, **query)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def rows(self, key: str = KEY, **query: Any) -> list[dict[str, Any]]:
        """The first page's rows."""
        rows: list[dict[str, Any]] = self.history(key, **query)["data"]
        return rows

    def send(self, body: bytes, content_type: str = "application/json") -> httpx.Response:
        headers = {"x-api-key": KEY, "content-type": content_type}
        return self.http.post("/v1/ssd-canny", content=body, headers=headers)

    def change(self, **settings: Any) -> httpx.Response:
        return self.http.post("/_sandbox/settings", json=settings)

    def faults(self, *rules: dict[str, Any]) -> list[dict[str, Any]]:
        """Add `rules`; they come back as kept, each with its id."""
        answer = self.http.post("/_sandbox/faults", json={"rules": rules})
        assert answer.status_code == 201, answer.text
        kept: list[dict[str, Any]] = answer.json()["rules"]
        return kept

    def clear_faults(self) -> None:
        assert self.http.delete("/_sandbox/faults").status_code == 204

    def credits(self, key: str = KEY) -> str:
        """The balance as the text that stands in the answer."""
        answer = self.http.get("/v1/get-user-credits", headers={"x-api-key": key})
        assert answer.status_code == 200
        found = json.loads(answer.text, parse_float=str, parse_int=str)
        assert set(found) == {"credits", "free-credits"}
        return str(found["credits"])

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.http.get(f"/_sandbox/ledger?since={since}").json()
        return rows

    def end(self) -> int:
        """SIGTERM; the exit code."""
        if hasattr(self, "http"):
            self.http.close()
        self.process.terminate()
        code = self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def until(holds: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until ``holds()``; fail when it never does."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.01)


def encoded(image: Image.Image, kind: str) -> str:
    """``image`` as the bare base64 of a file."""
    file = io.BytesIO()
    image.save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def decoded(data: bytes) -> Image.Image:
    """The image in ``data``, a JPEG that can be read to its end."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        image.load()
        return image.copy()
