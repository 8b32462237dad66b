"""No change of a state bypasses the stores' conditional writes."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, text, update

from db.engine import Database
from db.jobs import JobStore
from db.tables import jobs
from jobs.states import WAITING, State
from tests.db.conftest import Submit
from tests.state_writes import BlindWriteError, complaint

ROOT = Path(__file__).parents[2]
BLIND = update(jobs).where(jobs.c.id == bindparam("job")).values(state=State.FAILED)
STATES = "|".join(State)


@pytest.mark.parametrize(
    "statement",
    [
        BLIND,
        BLIND.where(jobs.c.state == State.RUNNING),
        BLIND.where(jobs.c.state.in_([State.QUEUED, State.IN_DOUBT])),
        BLIND.where(jobs.c.state == bindparam("leaves")),
        update(jobs).values({"state": State.QUEUED}),
        text("UPDATE jobs SET state = 'failed' WHERE id = 1"),
    ],
)
def test_a_blind_write_is_noticed(statement: object) -> None:
    assert complaint(statement) is not None


@pytest.mark.parametrize(
    "statement",
    [
        BLIND.where(jobs.c.state.in_(WAITING)),
        BLIND.where(jobs.c.state == State.RUNNING, jobs.c.number == 1),
        BLIND.where(jobs.c.state == bindparam("leaves"), jobs.c.number == bindparam("fence")),
        update(jobs).where(jobs.c.id == bindparam("job")).values(cost=jobs.c.cost + 1),
        text("UPDATE jobs SET state = 'failed' WHERE state = 'queued'"),
        text("UPDATE accounts SET paused_for = NULL"),
    ],
)
def test_one_that_asks_what_it_leaves_is_not(statement: object) -> None:
    assert complaint(statement) is None


def test_all_that_stores_emit_in_these_tests_is_looked_at(
    database: Database, job_store: JobStore, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that forgets its condition fails its first test."""
    submit(start_by=None)
    blind = update(jobs).values(state=State.EXPIRED)
    code = compile("def expire(c, s): c.execute(s)", str(ROOT / "db" / "jobs.py"), "exec")
    bad: dict[str, Any] = {}
    exec(code, bad)  # noqa: S102  # as if it stood in a store
    monkeypatch.setattr(JobStore, "expire", staticmethod(bad["expire"]))
    with pytest.raises(BlindWriteError), database.write() as connection:
        job_store.expire(connection, blind)  # type: ignore[call-arg, arg-type]


def test_sql_stands_in_stores_and_nowhere_else() -> None:
    """So that what the stores emit is all that is emitted."""
    folders = ("api_gateway", "cli", "jobs", "logs", "upstream", "worker")
    for path in sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
                names = {alias.name for alias in node.names}
                assert not names & {"insert", "update", "delete", "text"}, path
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"UPDATE\s+jobs\s+SET", node.value), path
