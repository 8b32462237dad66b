"""Beat as a process, told to end at the worst moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers.proxy import Proxy
from tests.systems.processes import ROOT, wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_though_it_waits_for_redis(
    valkey: str, tmp_path: Path, number: signal.Signals
) -> None:
    port = urlsplit(valkey).port
    assert port is not None
    proxy = Proxy(port, None)
    proxy.start()
    mark, log = tmp_path / "ready", tmp_path / "log"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0",
        "SEGQ_PROBE_SECONDS": "0.2",
        "SEGQ_READY_FILE": str(mark),
    }
    words = (sys.executable, "-P", "-m", "worker", "beat")
    with log.open("wb") as said:
        beat = subprocess.Popen(words, env=environment, cwd=ROOT, stdout=said, stderr=said)
    try:
        wait_until(mark.exists, "beat serves", timeout=30)
        time.sleep(1)
        proxy.stalls()
        time.sleep(1.5)  # by then it has asked for something, and reads
        beat.send_signal(number)
        assert beat.wait(10) == 0, log.read_text()
    finally:
        beat.kill()
        beat.wait()
        proxy.stop()
