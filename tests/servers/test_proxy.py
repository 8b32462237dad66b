"""The proxy does what the fault tests rely on."""

import gc
import socket
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisGoneError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from tests.servers.databases import new_database
from tests.servers.postgres_wire import commit_of
from tests.servers.proxy import Proxy, bytes_seen, proxied


@pytest.fixture
def echo() -> Iterator[Proxy]:
    """In front of a server that says everything back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(line: socket.socket) -> None:
        with line:
            try:
                while piece := line.recv(100):
                    line.sendall(piece)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(line,)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    with proxied(listener.getsockname()[1]) as proxy:
        yield proxy
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def _connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=2)


def _said_back(line: socket.socket, text: bytes) -> bytes:
    line.sendall(text)
    return line.recv(100)


def test_it_refuses_and_comes_back_under_the_same_port(echo: Proxy) -> None:
    with _connect(echo) as line:
        assert _said_back(line, b"one") == b"one"
        echo.refuses()
        with pytest.raises(ConnectionResetError):
            _said_back(line, b"two")
    with pytest.raises(ConnectionRefusedError):
        _connect(echo)
    echo.passes()
    with _connect(echo) as line:
        assert _said_back(line, b"three") == b"three"


def test_it_stalls_what_stands_and_what_comes_and_then_goes_on(echo: Proxy) -> None:
    with _connect(echo) as line:
        assert _said_back(line, b"one") == b"one"
        echo.stalls()
        with _connect(echo) as other:
            other.sendall(b"hello")
            line.sendall(b"two")
            line.settimeout(0.3)
            with pytest.raises(TimeoutError):
                line.recv(100)
            line.settimeout(2)
            echo.passes()
            assert line.recv(100) == b"two"
            assert other.recv(100) == b"hello"


def test_it_drops_and_delays(echo: Proxy) -> None:
    with _connect(echo) as line:
        echo.delays(0.15)
        began = time.monotonic()
        assert _said_back(line, b"one") == b"one"
        assert time.monotonic() - began >= 0.3
        echo.delays(0)
        echo.drops()
        with pytest.raises(ConnectionResetError):
            _said_back(line, b"two")
    with _connect(echo) as line:
        assert _said_back(line, b"three") == b"three"


def test_a_commit_is_carried_out_and_its_client_cannot_know(postgres: str) -> None:
    url = new_database(postgres)
    port = int(url.rpartition(":")[2].partition("/")[0])
    insert = "INSERT INTO seen VALUES (%s)"
    with psycopg.connect(url, autocommit=True) as direct, proxied(port) as proxy:
        direct.execute("CREATE TABLE seen (n int)")
        behind = url.replace(f":{port}/", f":{proxy.port}/")
        proxy.cuts_after(commit_of("insert into seen"))
        with psycopg.connect(behind, prepare_threshold=0) as client:
            client.execute("SELECT 1")
            client.commit()  # not this one
            client.execute(insert, (1,))
            with pytest.raises(psycopg.OperationalError):
                client.commit()
        assert proxy.wait_for_cut(2)
        assert direct.execute("SELECT n FROM seen").fetchall() == [(1,)]
        with psycopg.connect(behind, prepare_threshold=0) as client:
            client.execute(insert, (2,))  # only once
        assert direct.execute("SELECT n FROM seen ORDER BY n").fetchall() == [(1,), (2,)]


def test_a_prepared_statement_is_known_by_what_it_says(postgres: str) -> None:
    url = new_database(postgres)
    port = int(url.rpartition(":")[2].partition("/")[0])
    with psycopg.connect(url, autocommit=True) as direct, proxied(port) as proxy:
        direct.execute("CREATE TABLE seen (n int)")
        behind = url.replace(f":{port}/", f":{proxy.port}/")
        proxy.cuts_after(commit_of("delete from seen"))
        with psycopg.connect(behind, prepare_threshold=0) as client:
            delete = "DELETE FROM seen WHERE n = %s"
            client.execute(delete, (1,))
            client.rollback()
            client.execute(delete, (2,))  # by its name this time
            with pytest.raises(psycopg.OperationalError):
                client.commit()


def test_a_command_of_redis_is_carried_out_and_its_client_cannot_know(valkey: str) -> None:
    port = int(valkey.rpartition(":")[2].partition("/")[0])
    with proxied(port) as proxy, Redis.from_url(valkey) as direct:
        proxy.cuts_after(bytes_seen(b"INCR"))
        with Redis(port=proxy.port, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
            with pytest.raises((RedisGoneError, RedisTimeoutError)):
                client.incr("seen")
        assert direct.get("seen") == b"1"


def test_it_leaves_nothing_open_when_it_ends_while_many_connect() -> None:
    def connect(port: int, ends: threading.Event) -> None:
        while not ends.is_set():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        for _ in range(20):
            ends = threading.Event()
            with proxied(server.getsockname()[1]) as proxy:
                client = threading.Thread(target=connect, args=(proxy.port, ends))
                client.start()
                time.sleep(0.01)
            ends.set()
            client.join()
    gc.collect()  # pytest makes an error of each socket that was left open
