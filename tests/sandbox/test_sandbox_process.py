import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.sandbox.raw_calls import begun
from tests.sandbox.sandbox_process import CALL, KEY, ROOT, SandboxProcess, encoded, until


def test_a_stop_lets_running_calls_end_and_prints_one_line() -> None:
    sandbox = SandboxProcess()
    try:
        assert re.fullmatch(r"sandbox listening on http://127\.0\.0\.1:\d+\n", sandbox.line)
        sandbox.change(latency={"median": 0.6})
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(sandbox.call)
            until(lambda: bool(sandbox.ledger()))
            sandbox.process.terminate()
            assert call.result().status_code == 200
        assert sandbox.process.wait(timeout=15) == 0
        assert sandbox.process.stdout is not None
        assert sandbox.process.stdout.read() == ""
    finally:
        sandbox.end()


def test_a_stop_finishes_a_call_whose_client_left() -> None:
    sandbox = SandboxProcess()
    try:
        sandbox.change(latency={"median": 0.8})
        begun = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            sandbox.http.post(
                "/v1/ssd-canny",
                json=CALL,
                headers={"x-api-key": KEY},
                timeout=0.2,
            )
    finally:
        assert sandbox.end() == 0
    # A lower bound only: had the call been dropped, the process would have ended at once.
    assert time.monotonic() - begun > 0.75


def test_a_stop_waits_for_no_fault() -> None:
    sandbox = SandboxProcess()
    connections = []
    try:
        sandbox.faults(
            {"count": 60, "effect": {"kind": "hang"}},
            {"count": 20, "runs": True, "effect": {"kind": "hang", "at": "body"}},
            {"count": 10, "effect": {"kind": "drip", "part": "headers", "every": 60}},
            {"count": 10, "effect": {"kind": "endless"}},
        )
        connections = [begun(sandbox) for _ in range(100)]
        until(lambda: sum(row["fault"] is not None for row in sandbox.ledger()) == 100)
        until(lambda: Decimal(sandbox.credits()) == Decimal("99.88"))
        sandbox.process.terminate()
        # Far below the ten seconds for which calls that run are waited for.
        assert sandbox.process.wait(timeout=5) == 0
    finally:
        for connection in connections:
            connection.close()
        sandbox.end()


def test_a_fault_that_comes_after_a_stop_holds_nothing_up() -> None:
    sandbox = SandboxProcess()
    try:
        sandbox.change(latency={"median": 0.8})
        sandbox.faults({"runs": True, "effect": {"kind": "hang", "at": "headers"}})
        with begun(sandbox):
            until(lambda: bool(sandbox.ledger()))
            sandbox.process.terminate()
            assert sandbox.process.wait(timeout=5) == 0
    finally:
        sandbox.end()


def test_sigint_stops_as_cleanly() -> None:
    sandbox = SandboxProcess()
    try:
        sandbox.process.send_signal(signal.SIGINT)
        assert sandbox.process.wait(timeout=15) == 0
    finally:
        sandbox.end()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--key"),
        (["--key", "0123456789abcdef"], "16 hex digits"),
        (["--key", KEY, "--settings", "{"], "--settings"),
        (["--key", KEY, "--settings", '{"rpm": 0}'], "rpm"),
        (["--key", KEY, "--port", "65536"], "--port"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], message: str) -> None:
    ended = started(arguments)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_a_taken_port_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = started(["--key", KEY, "--port", str(port)])
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def started(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_stop_cuts_v2_requests_and_leaves_no_file(tmp_path: Path) -> None:
    complaints = tmp_path / "errors"
    with complaints.open("wb") as errors:
        sandbox = SandboxProcess(errors, TMPDIR=str(tmp_path))
        try:
            sandbox.call(image=encoded(Image.effect_noise((200, 200), 50), "PNG"))
            kept = [file for file in tmp_path.rglob("*") if file.is_file() and file != complaints]
            assert len(kept) == 2  # the image that was sent, and the one that was made
            sandbox.change(queue={"median": 60})
            sandbox.submitted()
            sandbox.change(queue={"median": 0}, latency={"median": 60})
            request_id = sandbox.submitted()
            until(lambda: sandbox.record(request_id).json()["status"] == "PROCESSING")
            begun_at = time.monotonic()
        finally:
            assert sandbox.end() == 0
        assert time.monotonic() - begun_at < 10
    assert complaints.read_text() == ""
    assert list(tmp_path.iterdir()) == [complaints]
