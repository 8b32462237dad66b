import time
from collections.abc import Callable

import pytest

from tests.deploy.image import Image, build_image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Made once for each test process: it takes a few seconds."""
    return build_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def until() -> Callable[..., None]:
    """`until(condition, seconds)` waits until it holds, and fails when it never does."""

    def wait(holds: Callable[[], bool], seconds: float = 30) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, "it never came true"
            time.sleep(0.05)

    return wait
