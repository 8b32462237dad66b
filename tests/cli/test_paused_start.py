"""`segq up --paused`: nothing leaves from the first moment on, until an operator resumes."""

import time
from pathlib import Path

from segq_client import Client
from tests.systems.processes import project_environment
from tests.systems.running_system import System, run_segq, start_system, stop_system


def test_a_system_that_starts_paused_calls_nobody_until_it_is_resumed(tmp_path: Path) -> None:
    home = tmp_path / ".segq"
    # Often: no probe may end what an operator has stopped.
    settings = {"SEGQ_HOME": str(home), "SEGQ_PORT": "0", "SEGQ_PROBE_SECONDS": "0.5"}
    environment = project_environment(**settings)
    first = start_system(tmp_path, home, environment)
    job = first.client.submit("ssd-1b", {"prompt": "tea"}, run_at="2035-01-01T00:00:00Z")
    stop_system(first)

    done = run_segq(["up", "--detach", "--paused"], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert " | PAUSED: no call leaves." in done.stdout
    assert "`segq audit --adopt`" in done.stdout
    assert "`segq account resume`" in done.stdout
    started = System(
        tmp_path, home, environment, Client("http://127.0.0.1:1", "-"), "", first.artifacts
    )
    run = started.run
    started.database, started.client = run["database"], Client(run["gateway"], run["api_key"])
    try:
        assert run["pool"] == "sandbox"
        client = started.client
        client.retry(job.id)
        time.sleep(3)
        waiting = client.get(job.id)
        assert (waiting.state, waiting.waiting_for) == ("queued", "paused")
        assert "started with --paused" in waiting.raw["note"]
        assert started.ledger() == []
        assert "PAUSED (operator)" in started.segq("status").stdout
        resumed = started.segq("account", "resume")
        assert resumed.stdout == "account default goes on; it paused for: operator\n"
        assert client.wait(job.id, timeout=60).state == "succeeded"
    finally:
        stop_system(started)
