"""Old and new processes side by side over a migration, while jobs flow."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.deploy.feeding import Feeder
from tests.deploy.new_version import COLUMN, make_new_version
from tests.deploy.version import Version, errors_in
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.servers.databases import new_database

ROOT = Path(__file__).parents[2]
SOME = 25
"""Jobs accepted in each part of the upgrade."""


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    found = SandboxProcess()
    found.change(latency={"median": 0.3, "sigma": 0.3})
    yield found
    found.end()


def test_no_job_is_lost_or_paid_twice_while_old_and_new_work_side_by_side(
    postgres: str, valkey: str, sandbox: SandboxProcess, tmp_path: Path, until: Callable[..., None]
) -> None:
    database = new_database(postgres)
    key = f"segq_{secrets.token_hex(32)}"
    settings = {
        "DATABASE_URL": database,
        "REDIS_URL": valkey,
        "SEGQ_ARTIFACTS": str(tmp_path / "artifacts"),
        "SEGMIND_API_KEY": KEY,
        "SEGMIND_BASE_URL": sandbox.url,
        "SEGMIND_RPM": "100000",
        "SEGQ_SLOTS": "8",
        "SEGQ_API_KEY": key,
    }
    logs = tmp_path / "logs"
    logs.mkdir()
    old = Version("old", ROOT, settings, logs)
    new = Version("new", tmp_path / "new", settings, logs)
    revision = make_new_version(new.source)
    feeder = Feeder([old.url], key)

    def some_more() -> None:
        wanted = len(feeder.accepted) + SOME
        until(lambda: len(feeder.accepted) >= wanted)

    with ExitStack() as stack:
        stack.callback(new.kill)
        stack.callback(old.kill)
        assert old.start("migrate").wait(30) == 0, old.log_of("migrate-1")
        old.start_all()
        with feeder.feeding():
            some_more()
            # Expand: by the new version, under the old one's feet.
            assert new.start("migrate").wait(60) == 0, new.log_of("migrate-1")
            assert _revision(database) == revision
            some_more()
            new.start_all()
            # Side by side.
            some_more()
            feeder.gateways = [new.url]
            old.stop("gateway-1", "worker-1", "worker-2", "upkeep-1", "beat-1")
            some_more()
        # With the new version alone, all of them come to their end.
        until(lambda: not _unfinished(database), 60)
        new.stop("gateway-1", "worker-1", "worker-2", "upkeep-1", "beat-1")

    assert feeder.refused == []
    jobs = _rows(database, "SELECT * FROM jobs")
    assert {str(job["id"]) for job in jobs} == set(feeder.accepted)
    assert {job["state"] for job in jobs} == {"succeeded"}
    # Both have worked: else nothing was side by side.
    assert {job[COLUMN] for job in jobs} == {None, "new"}
    _assert_paid_once(database, sandbox.ledger())
    assert errors_in(logs) == []


def _assert_paid_once(database: str, ledger: list[dict[str, Any]]) -> None:
    """One call for each job, and SQL's calls are the ledger's, cost for cost."""
    attempts = _rows(database, "SELECT * FROM attempts WHERE sent_at IS NOT NULL")
    twice = [job for job, count in Counter(one["job_id"] for one in attempts).items() if count > 1]
    assert [one for one in attempts if one["job_id"] in twice] == []
    in_sql = {one["seed"]: Decimal(one["cost"]) / 10**10 for one in attempts}
    assert len(in_sql) == len(attempts)
    assert len(ledger) == len(attempts)
    assert in_sql == {call["seed_used"]: Decimal(call["cost"]) for call in ledger}


def _unfinished(database: str) -> list[dict[str, Any]]:
    return _rows(database, "SELECT id FROM jobs WHERE state <> 'succeeded'")


def _revision(database: str) -> str:
    (row,) = _rows(database, "SELECT version_num FROM alembic_version")
    return str(row["version_num"])


def _rows(database: str, query: str) -> list[dict[str, Any]]:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        return connection.execute(query.encode()).fetchall()
