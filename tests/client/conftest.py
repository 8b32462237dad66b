import pytest

from tests.client.both_clients import Open, awaited, blocking


@pytest.fixture(params=[blocking, awaited], ids=["Client", "AsyncClient"])
def open_client(request: pytest.FixtureRequest) -> Open:
    """Opens a client; the test runs once on each."""
    found: Open = request.param
    return found
