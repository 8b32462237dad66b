import logging
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.upstream.loopback import KEY, Loopback, Script
from upstream.endpoints import Endpoints
from upstream.replies import Reply
from upstream.segmind import Segmind

INPUTS: dict[str, Any] = {"image": "https://example.org/photo.png", "prompt": "a cup", "seed": 7}

Serve = Callable[..., Loopback]
Connect = Callable[..., Segmind]


@pytest.fixture(autouse=True)
def key_is_not_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, no log line of ours or of a library holds the key."""
    caplog.set_level(logging.DEBUG)
    yield
    assert KEY not in caplog.text


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Loopback] = []

    def start(script: Script, tls: ssl.SSLContext | None = None) -> Loopback:
        servers.append(Loopback(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A client of a server or an origin; 10 s is far more than any test here lasts."""
    clients: list[Segmind] = []

    def start(to: Loopback | str, deadline: float = 10, proxy: str | None = None) -> Segmind:
        url = to if isinstance(to, str) else to.url
        endpoints = Endpoints.from_base_url(url)
        clients.append(Segmind(KEY, endpoints, connections=4, deadline=deadline, proxy=proxy))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


def generate(client: Segmind, **changes: Any) -> Reply:
    """One call with leave to send."""
    return client.generate("ssd-canny", {**INPUTS, **changes}, may_send=lambda: True)
