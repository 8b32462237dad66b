"""The checker sees every kind of violation, each planted in a real database, ledger or store."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path

import pytest
from sqlalchemy import Connection

from db.artifact_folder import FolderArtifacts
from db.budgets import BudgetStore
from db.job_changes import JobChanges
from db.rows import Job
from jobs import money
from jobs.budgets import Period
from tests.faults.planted import PLANTS, World, a_job_is_paid_twice, refusal
from tests.servers.databases import new_database
from tests.servers.valkey import running_valkey
from tests.worker.table_of_answers import Table, running_table
from worker.run import run_ticket


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def honest(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Table, dict[str, Job], Path]]:
    """Jobs that succeeded, failed, are in doubt, were canceled, and waited for a rate limit."""
    folder = tmp_path_factory.mktemp("world")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'segq.db'}"
    else:
        url = new_database(request.getfixturevalue("postgres"))
    (folder / "valkey").mkdir()
    with running_valkey(folder / "valkey") as redis:
        for table in running_table(url, redis, folder):
            table.sandbox.faults(
                {"match": {"prompt": "wrong"}, "effect": {"kind": "status", "status": 400}},
                {"match": {"prompt": "lost"}, "effect": {"kind": "reset"}, "runs": True},
            )
            table.sandbox.change(credits="100")
            found = {}
            for prompt in ("one", "two", "wrong", "lost"):
                found[prompt] = table.submit(prompt=prompt, max_attempts=1)
                for period in Period:
                    store = BudgetStore(table.parts.database)
                    store.set(found[prompt].tenant_id, money.parse("1"), period)
                assert run_ticket(table.parts).jobs == 1
            found["spare"] = table.submit(prompt="spare")
            JobChanges(table.parts.database).cancel(found["spare"].tenant_id, found["spare"].id)
            yield table, found, folder / "artifacts"


@pytest.fixture
def world(honest: tuple[Table, dict[str, Job], Path], tmp_path: Path) -> Iterator[World]:
    """What is planted in SQL is rolled back; ledger and store are copies."""
    table, found, artifacts = honest
    shutil.copytree(artifacts, tmp_path / "artifacts")
    made = World(
        table,
        {prompt: job.id for prompt, job in found.items()},
        deepcopy(table.sandbox.ledger()),
        FolderArtifacts(tmp_path / "artifacts"),
        promised=[str(job.id) for job in found.values()],
    )
    with _rolled_back(table) as connection:
        made.connection = connection
        yield made


@contextmanager
def _rolled_back(table: Table) -> Iterator[Connection]:
    with suppress(_Back), table.parts.database.write() as connection:
        yield connection
        raise _Back


class _Back(Exception):  # noqa: N818  # no error
    pass


def test_an_honest_run_has_no_violation(world: World) -> None:
    report = world.checked()
    assert not report.violations, report
    assert report.states == {"succeeded": 2, "failed": 1, "in_doubt": 1, "canceled": 1}
    assert report.doubts == {"connection_lost": 1}
    assert report.calls == 4
    assert report.charged == "0.018"


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_it_finds(name: str, world: World) -> None:
    plant, says = PLANTS[name]
    plant(world)
    report = world.checked()
    assert any(says in one for one in report.violations), report


def test_exceptions_are_counted_and_bounded(world: World) -> None:
    a_job_is_paid_twice(world)
    assert not [one for one in world.checked(paid_again=1).violations if "charged" in one]
    assert world.checked(paid_again=1).exceptions["paid again"] == 1
    world.attempt("two", cost_known=False)
    assert any("our estimate (1 such, 0 allowed)" in one for one in world.checked().violations)
    assert world.checked(estimated=1).exceptions["estimated"] == 1
    world.ledger.append(refusal(world))
    assert any("refused for the rate" in one for one in world.checked().violations)
    assert world.checked(refused=None).exceptions["refused (429)"] == 1


def test_more_calls_than_a_window_allows_are_found_wherever_it_begins(world: World) -> None:
    for place, call in enumerate(world.ledger):
        call["received_at"] = 100.0 + place
    assert not world.checked(calls_in_window=(4, 60)).violations
    assert not world.checked(calls_in_window=(3, 3.0)).violations
    (found,) = world.checked(calls_in_window=(3, 3.1)).violations
    assert found.startswith("4 calls within 3.000 s from 100.000 on")
