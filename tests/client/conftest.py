import pytest

from tests.client.both_clients import Open, awaited, blocking
from tests.client.installed import Installed, install


@pytest.fixture(params=[blocking, awaited], ids=["Client", "AsyncClient"])
def open_client(request: pytest.FixtureRequest) -> Open:
    """Opens a client; the test runs once on each."""
    found: Open = request.param
    return found


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Client and server, as somebody has them who installed both; it takes some seconds."""
    return install(tmp_path_factory.mktemp("installed"), ["client", "."])
