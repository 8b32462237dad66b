"""Uploads that break off, that trickle, and that come to two gateways at once."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.gateway.batch_world import came, opened, read, send
from tests.gateway.conftest import migrated
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.servers.valkey import running_valkey
from tests.systems.processes import wait_until

LINES = [
    json.dumps({"custom_id": f"n{n}", "input": {"seed": n}}).encode() + b"\n" for n in range(3_500)
]


@pytest.fixture
def key(gateway: Gateway, tenant: str) -> str:
    return gateway.key(tenant)


def half_sent(gateway: Gateway, key: str, batch: str, content: bytes) -> socket.socket:
    """A connection on which an upload has begun that says it is longer."""
    host, port = urlsplit(gateway.url).netloc.split(":")
    found = socket.create_connection((host, int(port)), timeout=30)
    found.sendall(
        f"POST /api/v1/batches/{batch}/jobs HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/jsonl\r\n"
        f"Content-Length: {len(content) + 100_000}\r\n\r\n".encode()
    )
    found.sendall(content)
    return found


def test_a_connection_that_is_cut_leaves_what_had_come_and_the_repeat_completes_it(
    gateway: Gateway, key: str
) -> None:
    with gateway.client(key) as client:
        batch = opened(client)
        whole, rest = b"".join(LINES[:2_700]), LINES[2_700][:20]
        half_sent(gateway, key, batch["id"], whole + rest).close()
        wait_until(lambda: read(client, batch)["jobs"] == 2_700, "what had come is kept")
        assert read(client, batch)["rejected"] == 0
        assert came(send(client, batch, b"".join(LINES))) == (800, 2_700, 0)


def test_a_gateway_that_is_killed_leaves_whole_chunks_and_the_repeat_completes_it(
    tmp_path: Path,
) -> None:
    database = migrated(tmp_path)
    with running_valkey(tmp_path) as redis:
        with running_gateway(tmp_path, database, redis) as first:
            key = first.key("one")
            with first.client(key) as client:
                batch = opened(client)
                line = half_sent(first, key, batch["id"], b"".join(LINES[:2_700]))
                wait_until(lambda: read(client, batch)["jobs"] >= 1_000, "some are kept")
            first.process.kill()
            first.process.wait()
            line.close()
        with running_gateway(tmp_path, database, redis) as second, second.client(key) as client:
            kept = read(client, batch)["jobs"]
            assert kept in {1_000, 2_000}
            assert sum(read(client, batch)["counts"].values()) == kept
            assert came(send(client, batch, b"".join(LINES))) == (3_500 - kept, kept, 0)
    database.close()


def test_an_upload_may_take_longer_than_other_requests_as_long_as_it_comes(tmp_path: Path) -> None:
    database = migrated(tmp_path)
    with (
        running_valkey(tmp_path) as redis,
        running_gateway(tmp_path, database, redis, SEGQ_BODY_TIMEOUT="1") as gateway,
        gateway.client(gateway.key("one")) as client,
    ):
        batch = opened(client)
        # 64 kB within the 3 s that the whole of any other request has.
        padded = [line.rstrip() + b" " * 2_000 + b"\n" for line in LINES[:300]]

        def slowly() -> Iterator[bytes]:
            for at in range(0, 300, 50):
                yield b"".join(padded[at : at + 50])
                time.sleep(1)

        assert came(send(client, batch, slowly())) == (300, 0, 0)

        def trickling() -> Iterator[bytes]:
            for line in LINES[300:320]:
                yield line
                time.sleep(0.5)

        with pytest.raises(httpx.RemoteProtocolError):
            send(client, batch, trickling())
        assert 300 < read(client, batch)["jobs"] < 320
    database.close()


def test_the_same_file_sent_four_times_at_once_is_there_once(
    gateway: Gateway, client: httpx.Client
) -> None:
    batch = opened(client)
    body = b"".join(LINES[:2_500])
    found: list[tuple[int, int, int]] = []

    def one() -> None:
        found.append(came(send(client, batch, body)))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(accepted for accepted, _, _ in found) == 2_500
    assert all(accepted + known == 2_500 for accepted, known, _ in found)
    assert read(client, batch)["jobs"] == 2_500
