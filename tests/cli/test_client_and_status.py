"""The client and `segq status` against a running system: lost answers, pauses, a gateway that hangs."""

import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest

from db.accounts import AccountStore
from db.engine import Database
from jobs.account_pauses import Pause, PauseReason
from jobs.wire import SANDBOX_POOL
from segq_client import Client
from tests.acceptance.processes import project_environment, wait_until
from tests.acceptance.running_system import System, start_system, stop_system

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
