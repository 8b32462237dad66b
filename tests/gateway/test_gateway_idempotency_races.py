"""Many at once under one key, over one gateway and over two; and gateways that die in between."""

import json
import select
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import func, text
from sqlalchemy import select as select_rows

from cli.ports import free_port
from db.engine import Database
from db.tables import idempotency_keys, jobs
from tests.gateway.conftest import SMALL_INPUT, is_problem
from tests.gateway.gateway_process import Gateway, running_gateway

BODY = json.dumps({"model": "ssd-canny", "input": SMALL_INPUT})
MOST_TRIES = 300


@pytest.fixture
def two_gateways(database: Database, valkey: str, tmp_path: Path) -> Iterator[list[Gateway]]:
    with ExitStack() as stack:
        found = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            # Both with the one store that belongs to the database.
            store = {"SEGQ_ARTIFACTS": str(tmp_path / "artifacts")}
            found.append(stack.enter_context(running_gateway(folder, database, valkey, **store)))
        yield found


def ask(client: httpx.Client, key: str) -> httpx.Response:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return client.post("/api/v1/jobs", content=BODY, headers=headers)


def until_answered(gateway: Gateway, api_key: str, key: str) -> tuple[bytes, int]:
    """The answer's body, and how often the key was in use before."""
    with gateway.client(api_key) as client:
        for refused in range(200):
            response = ask(client, key)
            if response.status_code == 202:
                return response.content, refused
            assert response.status_code == 409, response.text
            assert response.json()["type"] == "/problems/idempotency-key-in-use"
            assert response.headers["retry-after"] == "1"
            time.sleep(0.02)  # a test has no second to wait
    raise AssertionError("the key stays in use")


def count_jobs(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select_rows(func.count()).select_from(jobs)) or 0


def test_fifty_at_once_over_two_gateways_make_one_job(
    two_gateways: list[Gateway], database: Database
) -> None:
    api_key = two_gateways[0].key("default")
    with ThreadPoolExecutor(50) as threads:
        for n in range(4):
            asking = [
                threads.submit(until_answered, two_gateways[one % 2], api_key, f"key {n}")
                for one in range(50)
            ]
            assert len({future.result()[0] for future in asking}) == 1
            assert count_jobs(database) == n + 1


def test_a_key_whose_request_is_under_way_is_in_use(
    two_gateways: list[Gateway], database: Database
) -> None:
    first, second = two_gateways
    # On SQLite another process waits for the one writer to end, and replays its answer then.
    pairs = [(first, first)] if database.is_sqlite else [(first, first), (first, second)]
    api_key = first.key("default")
    for n, (one, other) in enumerate(pairs):
        with (
            one.client(api_key) as here,
            other.client(api_key) as there,
            ThreadPoolExecutor(2) as threads,
        ):
            with database.write() as connection:  # no job can be written down meanwhile
                if not database.is_sqlite:
                    connection.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
                asking = {threads.submit(ask, client, f"key {n}") for client in (here, there)}
                done, pending = wait(asking, return_when=FIRST_COMPLETED)
                problem = is_problem(done.pop().result(), 409, "idempotency-key-in-use")
                assert f"'key {n}'" in problem["detail"]
                assert len(pending) == 1
            assert pending.pop().result().status_code == 202
        assert count_jobs(database) == n + 1


class Line:
    """A request on a socket of its own, so that whether an answer has come can be seen."""

    def __init__(self, gateway: Gateway, api_key: str, key: str) -> None:
        where = urlsplit(gateway.url)
        self._socket = socket.create_connection((where.hostname or "", where.port or 0))
        self._socket.sendall(
            f"POST /api/v1/jobs HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: Bearer {api_key}\r\nIdempotency-Key: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
        )

    def has_answer(self, seconds: float) -> bool:
        return bool(select.select([self._socket], [], [], seconds)[0])

    def close(self) -> None:
        self._socket.close()


def kept_body(database: Database, key: str) -> str | None:
    with database.read() as connection:
        found: str | None = connection.scalar(
            select_rows(idempotency_keys.c.body).where(idempotency_keys.c.key == key)
        )
        return found


def kill_between_commit_and_answer(gateway: Gateway, database: Database, prefix: str) -> list[str]:
    """Asks until the gateway could be killed with a job committed and not a byte of its answer out.

    Gives the keys, the last one being that of the unanswered job.
    """
    api_key = gateway.key("default")
    before = count_jobs(database)
    keys: list[str] = []
    for n in range(MOST_TRIES):
        keys.append(f"{prefix} {n}")
        line = Line(gateway, api_key, keys[-1])
        while count_jobs(database) < before + len(keys):
            pass
        # Stopped, so that nothing more can leave while we look.
        gateway.process.send_signal(signal.SIGSTOP)
        unanswered = not line.has_answer(0.02)
        gateway.process.send_signal(signal.SIGKILL if unanswered else signal.SIGCONT)
        if unanswered:
            gateway.process.wait(10)
            line.close()
            return keys
        line.close()
    raise AssertionError(f"the answer was quicker {MOST_TRIES} times")


def test_a_gateway_that_dies_before_its_answer_has_made_the_one_job(
    database: Database, tmp_path: Path
) -> None:
    redis = f"redis://127.0.0.1:{free_port()}/0"  # nobody: it is not needed for this
    keys: list[str] = []
    for name in ("first", "second", "third"):
        folder = tmp_path / name
        folder.mkdir()
        store = {"SEGQ_ARTIFACTS": str(tmp_path / "artifacts")}
        with running_gateway(folder, database, redis, **store) as gateway:
            with gateway.client(gateway.key("default")) as client:
                for key in keys[-3:]:
                    response = ask(client, key)
                    assert response.status_code == 202
                    assert response.headers["idempotency-replayed"] == "true"
                    assert response.text == kept_body(database, key)
                    found = client.get(f"/api/v1/jobs/{response.json()['id']}")
                    assert found.status_code == 200
            assert count_jobs(database) == len(keys)
            if name != "third":
                keys += kill_between_commit_and_answer(gateway, database, name)
        assert count_jobs(database) == len(keys)


def test_a_key_of_a_slow_body_is_not_in_use(gateway: Gateway) -> None:
    """A client that never sends the rest of its body must not keep its own key from others."""
    api_key = gateway.key("default")
    where = urlsplit(gateway.url)
    with socket.create_connection((where.hostname or "", where.port or 0)) as slow:
        slow.sendall(
            f"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api_key}\r\n"
            "Idempotency-Key: slow\r\nContent-Type: application/json\r\n"
            "Content-Length: 100\r\n\r\n{".encode()
        )
        assert until_answered(gateway, api_key, "slow")[1] == 0


def test_a_broken_off_request_leaves_its_key_free(gateway: Gateway) -> None:
    """A client that is gone before it is answered, and sends the same again."""
    api_key = gateway.key("default")
    where = urlsplit(gateway.url)
    with socket.create_connection((where.hostname or "", where.port or 0)) as hasty:
        hasty.sendall(
            f"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api_key}\r\n"
            "Idempotency-Key: hasty\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
        )
    body, _ = until_answered(gateway, api_key, "hasty")
    assert json.loads(body)["state"] == "queued"
