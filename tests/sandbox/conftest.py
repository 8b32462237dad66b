from collections.abc import Iterator

import pytest

from tests.sandbox.sandbox_process import CALM, SandboxProcess


@pytest.fixture(scope="module")
def process() -> Iterator[SandboxProcess]:
    started = SandboxProcess()
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def sandbox(process: SandboxProcess) -> SandboxProcess:
    """The module's process with calm settings, full balances, no faults, no call remembered."""
    process.clear_faults()
    assert process.http.delete("/_sandbox/history").status_code == 204
    assert process.change(**CALM).status_code == 200
    assert process.http.delete("/_sandbox/ledger").status_code == 204
    return process
