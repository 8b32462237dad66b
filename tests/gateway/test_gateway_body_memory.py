"""How much the bodies of all requests may hold at once: the middleware itself, on loopback."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from api_gateway import bodies
from api_gateway.bodies import UNCOUNTED, BoundedBodies
from api_gateway.problem_handlers import HANDLED, handle
from tests.gateway.conftest import is_problem

MEMORY = 1_000_000
HALF = MEMORY // 2
LARGEST = 2_000_000


class Server(uvicorn.Server):
    def __init__(self) -> None:
        app = FastAPI(exception_handlers=dict.fromkeys(HANDLED, handle))
        app.add_middleware(BoundedBodies, seconds=30, memory=MEMORY)

        @app.post("/")
        async def size(request: Request) -> int:
            return len(await bodies.read(request, LARGEST))

        self.line = socket.create_server(("127.0.0.1", 0))
        super().__init__(uvicorn.Config(app, http="httptools", log_config=None))

    @property
    def port(self) -> int:
        port: int = self.line.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.run, args=([found.line],))
    thread.start()
    while not found.started:
        time.sleep(0.01)
    yield found
    found.should_exit = found.force_exit = True
    thread.join(10)
    assert not thread.is_alive()


@contextlib.contextmanager
def half_sent(server: Server, size: int, key: str) -> Iterator[socket.socket]:
    """A request of which so many bytes have come, and no more do."""
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n"
            f"Content-Length: {LARGEST}\r\n\r\n"
        )
        line.sendall(head.encode() + bytes(size))
        yield line


def status_of(server: Server, size: int, key: str = "Bearer mine") -> int:
    return sent(server, size, key).status_code


def sent(server: Server, size: int, key: str = "Bearer mine") -> httpx.Response:
    return httpx.post(server.url, content=bytes(size), headers={"Authorization": key})


def wait_for(server: Server, size: int, status: int, key: str = "Bearer mine") -> None:
    deadline = time.monotonic() + 10
    while status_of(server, size, key) != status:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_bodies_beyond_the_memory_for_all_of_them_are_put_off(server: Server) -> None:
    with half_sent(server, 500_000, "Bearer a"), half_sent(server, 500_000, "Bearer b"):
        wait_for(server, 300_000, 503)
        response = sent(server, 300_000)
        problem = is_problem(response, 503, "unavailable")
        assert problem["detail"].startswith("Other requests hold all the memory that there is")
        assert response.headers["retry-after"] == "2"
        # A job without an image gets in.
        assert sent(server, UNCOUNTED).json() == UNCOUNTED
    # The two are gone, and what they held is free again, all of it.
    wait_for(server, HALF, 200, "Bearer a")
    wait_for(server, HALF, 200, "Bearer b")


def test_one_key_holds_half_of_it_at_the_most(server: Server) -> None:
    assert sent(server, HALF + UNCOUNTED).json() == HALF + UNCOUNTED
    assert status_of(server, HALF + UNCOUNTED + 1) == 503
    with half_sent(server, 400_000, "Bearer mine"):
        # However its scheme is spelt.
        wait_for(server, 300_000, 503, "bEARER  mine")
        response = sent(server, 300_000)
        problem = is_problem(response, 503, "unavailable")
        assert problem["detail"].startswith("Other requests of this API key hold")
        assert response.headers["retry-after"] == "2"
        assert status_of(server, UNCOUNTED) == 200
        for other in ("Bearer other", "Bearer third"):
            assert sent(server, HALF, other).json() == HALF
    wait_for(server, HALF + UNCOUNTED, 200)


def test_what_is_refused_holds_nothing(server: Server) -> None:
    for _ in range(3):
        assert status_of(server, LARGEST + 1) == 413
        assert httpx.post(server.url, content=iter([bytes(LARGEST)] * 2)).status_code in {413, 503}
    assert status_of(server, HALF) == 200
