"""The client and `segq status` against a running system: lost answers, pauses, a gateway that hangs."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from db.accounts import AccountStore
from db.engine import Database
from jobs.account_pauses import Pause, PauseReason
from jobs.wire import SANDBOX_POOL
from segq_client import Client
from tests.systems.processes import project_environment, wait_until
from tests.systems.running_system import System, run_segq, start_system, stop_system

LATER = "2035-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("system")
    home = folder / ".segq"
    # The tests pause: no probe is to come between.
    settings = {"SEGQ_HOME": str(home), "SEGQ_PORT": "0", "SEGQ_PROBE_SECONDS": "3600"}
    started = start_system(folder, home, project_environment(**settings))
    yield started
    stop_system(started)


@pytest.fixture
def lossy(system: System) -> Iterator[tuple[str, list[int]]]:
    """A way to the gateway that loses the first answer; the statuses that the gateway gave."""
    gateway, statuses = urlsplit(system.gateway).netloc, []

    class Way(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            onward = http.client.HTTPConnection(gateway, timeout=20)
            onward.request("POST", self.path, body, dict(self.headers))
            answer = onward.getresponse()
            content = answer.read()
            onward.close()
            statuses.append(answer.status)
            self.close_connection = True
            if len(statuses) > 1:
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Way) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", statuses
        server.shutdown()
        thread.join()


def test_a_submit_whose_answer_is_lost_queues_one_job(
    system: System, lossy: tuple[str, list[int]]
) -> None:
    url, statuses = lossy
    with Client(url, system.run["api_key"]) as client:
        job = client.submit("ssd-1b", {"prompt": "tea"}, run_at=LATER, tags=["lossy"])
    assert statuses == [202, 202]
    assert [one.id for one in system.client.jobs(tag="lossy")] == [job.id]


def test_a_job_is_changed_canceled_and_run_again(system: System) -> None:
    job = system.client.submit("ssd-1b", {"prompt": "tea"}, run_at=LATER)
    changed = system.client.change(job.id, priority="high", tags=["a"])
    assert (changed.raw["priority"], changed.raw["tags"]) == ("high", ["a"])
    assert system.client.cancel(job.id).state == "canceled"
    assert system.client.retry(job.id).state == "queued"
    assert system.client.wait(job.id, timeout=30).state == "succeeded"


def test_status_tells_of_pauses_in_one_line(system: System) -> None:
    plain = system.segq("status")
    assert plain.returncode == 0
    assert len(plain.stdout.splitlines()) == len(system.run["processes"])
    database = Database(system.run["database"])
    store = AccountStore(database)
    wait_until(lambda: bool(store.of_pool(SANDBOX_POOL)), "the account is there")
    account = store.of_pool(SANDBOX_POOL)[0].id
    store.pause(account, Pause(PauseReason.KEY_REFUSED, None))
    store.pause(account, Pause(PauseReason.FORBIDDEN, None, "ssd-1b"))
    try:
        done = system.segq("status")
    finally:
        store.resume(account, PauseReason.KEY_REFUSED)
        store.resume_model(account, "ssd-1b")
        database.close()
    assert done.returncode == 0
    assert done.stdout == plain.stdout + (
        "account: PAUSED (key_refused), ssd-1b PAUSED (forbidden), see `segq account`\n"
    )


def test_commands_talk_to_a_server_elsewhere(system: System, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{system.run['api_key']}\n")
    there = project_environment(SEGQ_URL=f"{system.gateway}/", SEGQ_API_KEY_FILE=str(key))
    made = run_segq(["run", "ssd-1b", "--prompt", "tea", "--out", "tea.jpg"], tmp_path, there)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "tea.jpg").stat().st_size > 1000
    assert "ssd-canny" in run_segq(["models"], tmp_path, there).stdout
    assert "calls a minute" in run_segq(["account"], tmp_path, there).stdout
    refused = run_segq(["account", "resume"], tmp_path, there)
    assert refused.returncode == 1
    assert "set DATABASE_URL" in refused.stderr
    known = {**there, "DATABASE_URL": system.database}
    resumed = run_segq(["account", "resume"], tmp_path, known)
    assert (resumed.returncode, resumed.stdout) == (0, "nothing was paused\n")
    assert not (tmp_path / ".segq").exists()


def test_what_is_not_waited_for_can_be_canceled_from_elsewhere(
    system: System, tmp_path: Path
) -> None:
    there = project_environment(SEGQ_URL=system.gateway, SEGQ_API_KEY=system.run["api_key"])
    system.settings(latency={"median": 30, "sigma": 0})
    try:
        done = run_segq(["run", "ssd-1b", "--prompt", "x", "--wait", "1"], tmp_path, there)
    finally:
        system.settings(latency={"median": 0.1, "sigma": 0})
    command = done.stderr.rpartition("to cancel it: ")[2].strip()
    assert system.run["api_key"] not in done.stderr
    cancel = subprocess.run(
        ["sh", "-c", command], env=there, capture_output=True, text=True, timeout=30, check=True
    )
    assert json.loads(cancel.stdout)["id"] in done.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SEGQ_URL": "segq.example.org", "SEGQ_API_KEY": "segq_x"}, "SEGQ_URL must be"),
        ({"SEGQ_URL": "https://me:canary@h", "SEGQ_API_KEY": "segq_x"}, "SEGQ_URL must be"),
        ({"SEGQ_URL": "https://segq.example.org"}, "SEGQ_API_KEY is not"),
    ],
)
@pytest.mark.parametrize("words", [["run", "ssd-1b"], ["models"], ["account"]])
def test_a_server_that_is_named_by_halves_is_refused(
    words: list[str], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = run_segq(words, tmp_path, project_environment(**environment))
    assert done.returncode == 1
    assert said in done.stderr
    assert "canary" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_status_does_not_wait_for_a_gateway_that_hangs(system: System) -> None:
    gateway = system.pid("gateway")
    os.kill(gateway, signal.SIGSTOP)
    try:
        began = time.monotonic()
        done = system.segq("status")
        seconds = time.monotonic() - began
    finally:
        os.kill(gateway, signal.SIGCONT)
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["gateway"].endswith(f"{system.gateway}  DOES NOT ANSWER within 2 s")
    assert "account:" not in lines
    assert seconds < 10
