"""The fixtures. pytest finds them by the entry point `segq` of this distribution."""

from collections.abc import Iterator, Mapping

import pytest

from segq_client.client import Client
from segq_client.testing.sandbox import Sandbox
from segq_client.testing.server import SegqServer, StartError, running_server


@pytest.fixture(scope="session")
def segq_settings() -> Mapping[str, str]:
    """Settings of the server beside those for tests; a conftest.py may have its own fixture so named."""
    return {}


@pytest.fixture(scope="session")
def segq_server(
    tmp_path_factory: pytest.TempPathFactory, segq_settings: Mapping[str, str]
) -> Iterator[SegqServer]:
    """A segq with a sandbox behind it, for all tests of the session; the first that needs it waits
    some seconds. Each process of pytest-xdist has its own.
    """
    try:
        with running_server(tmp_path_factory.mktemp("segq"), segq_settings) as server:
            yield server
    except StartError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def segq_sandbox(segq_server: SegqServer) -> Iterator[Sandbox]:
    """Its sandbox. What the test changes there ends with the test, and so does what it has paused."""
    segq_server.sandbox.reset()
    yield segq_server.sandbox
    segq_server.reset()


@pytest.fixture
def segq(segq_server: SegqServer) -> Iterator[Client]:
    """A client of it. What it has uploaded it knows for this test alone."""
    with segq_server.client() as client:
        yield client
