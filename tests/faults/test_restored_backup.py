"""A backup that is old is restored, and nothing that was paid runs again (27)."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from segq_client import Client
from tests.faults.checker import assert_promises_kept
from tests.faults.durations import SHORT
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.systems.jobs_at_work import states, submit, wait_for_states
from tests.systems.running_system import System, run_segq
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]


@pytest.fixture
def provider() -> Iterator[SandboxProcess]:
    """Segmind goes on when segq is stopped."""
    started = SandboxProcess()
    try:
        yield started
    finally:
        started.end()


@ON_ITS_OWN_PARTS
def test_a_restored_backup_adopts_what_has_run_since(
    system: Start, provider: SandboxProcess, tmp_path: Path
) -> None:
    provider.change(latency={"median": 0.1, "sigma": 0.1})
    real = {**SHORT, "SEGMIND_API_KEY": KEY, "SEGMIND_BASE_URL": provider.url}
    one = system(**real)
    one.upstream = provider.url
    before = submit(one, 3)
    assert_promises_kept(one, before)
    since = submit(one, 6, run_at="2100-01-01T00:00:00Z")
    database, backup = Path(one.database.removeprefix("sqlite:///")), tmp_path / "backup.db"
    with closing(sqlite3.connect(database)) as live, closing(sqlite3.connect(backup)) as copy:
        live.backup(copy)
    one.sql("UPDATE jobs SET run_at = created_at WHERE state = 'scheduled'")
    assert assert_promises_kept(one, [*before, *since]).calls == 9
    assert one.segq("down").returncode == 0
    for name in database.parent.glob(f"{database.name}*"):
        name.unlink()
    backup.rename(database)
    with closing(sqlite3.connect(database)) as restored, restored:
        restored.execute("UPDATE jobs SET run_at = created_at WHERE state = 'scheduled'")

    paused = run_segq(["up", "--detach", "--paused"], one.folder, one.environment)
    assert paused.returncode == 0, paused.stderr
    one.client.close()
    one.client = Client(one.run["gateway"], one.run["api_key"])
    wait_for_states(one, queued=6)
    differs = one.segq("audit")
    assert differs.returncode == 1, differs.stdout + differs.stderr
    assert differs.stdout.count("not_recorded") == 7  # six calls, and what the word means
    adopted = one.segq("audit", "--adopt")
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    assert "both sides agree" in adopted.stdout
    assert one.segq("account", "resume").returncode == 0
    new = submit(one, 2)
    report = assert_promises_kept(one, [*before, *since, *new])
    assert states(one) == {"succeeded": 11}
    assert report.calls == 11
