"""The checker sees every kind of violation, each planted in a real database, ledger or store."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from db.artifact_folder import FolderArtifacts
from db.rows import Job
from db.tables import attempts, jobs, outputs
from tests.faults.checker import Allowed, Report, check
from tests.faults.evidence import gathered
from tests.servers.databases import new_database
from tests.servers.valkey import running_valkey
from tests.worker.table_of_answers import Table, running_table
from worker.run import run_ticket


@dataclass
class World:
    """What an honest run has left; a plant may change all of it. `job` finds one by its prompt."""

    table: Table
    ids: dict[str, UUID]
    ledger: list[dict[str, Any]]
    store: FolderArtifacts
    connection: Connection = field(init=False)
    promised: list[str] = field(default_factory=list)

    def call(self, prompt: str) -> dict[str, Any]:
        return next(one for one in self.ledger if (one["inputs"] or {}).get("prompt") == prompt)

    def job(self, prompt: str, **values: Any) -> None:
        self.connection.execute(update(jobs).where(jobs.c.id == self.ids[prompt]).values(values))

    def attempt(self, prompt: str, **values: Any) -> None:
        mine = attempts.c.job_id == self.ids[prompt]
        self.connection.execute(update(attempts).where(mine).values(values))

    def output(self, prompt: str, **values: Any) -> None:
        mine = outputs.c.job_id == self.ids[prompt]
        self.connection.execute(update(outputs).where(mine).values(values))

    def key(self, prompt: str) -> str:
        mine = select(outputs.c.artifact).where(outputs.c.job_id == self.ids[prompt])
        return str(self.connection.scalar(mine))

    def checked(self, **allowed: Any) -> Report:
        evidence = gathered(
            self.promised, self.table.parts.database, self.ledger, self.store
        )  # fmt: skip
        return check(evidence, Allowed(**allowed))


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
                assert run_ticket(table.parts).jobs == 1
            found["spare"] = table.submit(prompt="spare")
            with table.parts.database.write() as connection:
                mine = jobs.c.id == found["spare"].id
                connection.execute(update(jobs).where(mine).values(state="canceled"))
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


Plant = Callable[[World], None]
PLANTS: dict[str, tuple[Plant, str]] = {}


def plants(says: str) -> Callable[[Plant], Plant]:
    def note(plant: Plant) -> Plant:
        PLANTS[plant.__name__.strip("_")] = plant, says
        return plant

    return note


@plants("was promised and is gone")
def _a_promised_job_is_gone(world: World) -> None:
    world.promised.append(str(uuid4()))


@plants("was promised and is queued at rest")
def _a_job_is_never_run(world: World) -> None:
    world.job("spare", state="queued")


@plants("is in doubt without a reason")
def _a_doubt_without_a_reason(world: World) -> None:
    world.job("lost", error=None)


@plants("was charged 2 times")
def _a_job_is_paid_twice(world: World) -> None:
    _second_attempt(world, "one", seed=77)
    world.ledger.append({**world.call("one"), "id": "again", "seed_used": 77, "seed_sent": 77})


@plants("was sent twice")
def _an_attempt_is_sent_twice(world: World) -> None:
    world.ledger.append({**world.call("one"), "id": "again"})


@plants("is none of SQL's attempts")
def _a_call_that_sql_lacks(world: World) -> None:
    world.ledger.append({**world.call("one"), "id": "strange", "seed_used": 1, "seed_sent": 1})


@plants("the provider knows of no call")
def _a_call_that_the_ledger_lacks(world: World) -> None:
    world.ledger.remove(world.call("two"))


@plants("booked at 0.005 USD")
def _another_cost_than_was_charged(world: World) -> None:
    world.attempt("one", cost=50_000_000)
    world.job("one", cost=50_000_000)


@plants("its attempts 0.006")
def _a_job_does_not_say_what_it_cost(world: World) -> None:
    world.job("one", cost=0)


@plants("recorded without a cost")
def _an_attempt_without_a_cost(world: World) -> None:
    world.attempt("one", cost=None)


@plants("booked at 0 USD (in_doubt_no_more)")
def _a_paid_doubt_that_was_let_go_for_free(world: World) -> None:
    world.attempt(
        "lost", finished_at=_at(world), cost=0, cost_known=True, outcome="in_doubt_no_more"
    )
    world.job("lost", state="failed")


@plants("recorded as not sent")
def _a_call_that_is_said_to_be_unsent(world: World) -> None:
    world.attempt("wrong", outcome="not_sent", sent_at=None)


@plants("still runs")
def _a_call_that_has_not_ended(world: World) -> None:
    world.call("one")["finished_at"] = None


@plants("the provider refused {429: 1}")
def _a_refusal_that_sql_does_not_know(world: World) -> None:
    world.ledger.append(_refusal(world))


@plants("its attempts end with")
def _a_number_without_an_attempt(world: World) -> None:
    world.job("one", number=2)


@plants("never recorded, though the job went on")
def _an_attempt_that_nobody_recorded(world: World) -> None:
    world.attempt("one", finished_at=None)
    _second_attempt(world, "one", seed=77)
    world.ledger.append({**world.call("one"), "id": "again", "seed_used": 77, "seed_sent": 77})


@plants("has images of attempt [1], its latest is 2")
def _a_fenced_worker_that_moved_the_job(world: World) -> None:
    _second_attempt(world, "one", seed=77)
    world.ledger.append({**world.call("one"), "id": "again", "seed_used": 77, "seed_sent": 77})


@plants("it is recorded as invalid_input, and the job is succeeded")
def _a_state_that_its_attempt_does_not_bear_out(world: World) -> None:
    world.job("wrong", state="succeeded")


@plants("it is open, and the job is failed")
def _a_final_job_whose_attempt_is_open(world: World) -> None:
    world.attempt("wrong", finished_at=None)


@plants("succeeded and has no image")
def _a_success_without_an_image(world: World) -> None:
    world.connection.execute(delete(outputs).where(outputs.c.job_id == world.ids["one"]))


@plants("is not kept")
def _an_image_that_is_gone(world: World) -> None:
    world.store.remove(world.key("one"))


@plants("other bytes than SQL says")
def _an_image_that_was_written_over(world: World) -> None:
    world.store.put(world.key("one"), world.store.get(world.key("two")))


@plants("does not decode")
def _an_image_that_is_none(world: World) -> None:
    _keep(world, "one", world.store.get(world.key("one"))[:3000])


@plants("not as SQL says")
def _an_image_of_another_size(world: World) -> None:
    world.output("one", width=8)


@plants("not the picture that its call made")
def _the_picture_of_another_call(world: World) -> None:
    _keep(world, "one", world.store.get(world.key("two")))


@plants("stands under jobs that asked for")
def _one_picture_under_two_jobs(world: World) -> None:
    _keep(world, "one", world.store.get(world.key("two")))


@plants("which is another attempt's")
def _an_image_under_another_attempts_name(world: World) -> None:
    world.output("one", artifact=world.key("one")[:-1] + "7")


@plants("receipts that nobody has settled")
def _receipts_that_are_left(world: World) -> None:
    world.store.put(f"pending/{uuid4()}.json", b"{}")


def _keep(world: World, prompt: str, data: bytes) -> None:
    """Other bytes, and SQL says so too."""
    world.store.put(world.key(prompt), data)
    world.output(prompt, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _at(world: World) -> Any:
    return world.connection.scalar(select(attempts.c.claimed_at))


def _refusal(world: World) -> dict[str, Any]:
    nothing = {"inputs": None, "seed_used": None, "seed_sent": None, "cost": "0"}
    return {**world.call("one"), **nothing, "id": str(uuid4()), "status": 429}


def _second_attempt(world: World, prompt: str, seed: int) -> None:
    mine = attempts.c.job_id == world.ids[prompt]
    first = world.connection.execute(select(attempts).where(mine)).one()._mapping
    again = {**first, "id": uuid4(), "number": 2, "seed": seed, "request_id": f"again-{seed}"}
    world.connection.execute(insert(attempts).values(again))
    world.job(prompt, number=2, cost=120_000_000)


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
    _a_job_is_paid_twice(world)
    assert not [one for one in world.checked(paid_again=1).violations if "charged" in one]
    assert world.checked(paid_again=1).exceptions["paid again"] == 1
    world.attempt("two", cost_known=False)
    assert any("our estimate (1 such, 0 allowed)" in one for one in world.checked().violations)
    assert world.checked(estimated=1).exceptions["estimated"] == 1
    world.ledger.append(_refusal(world))
    assert any("refused for the rate" in one for one in world.checked().violations)
    assert world.checked(refused=None).exceptions["refused (429)"] == 1


def test_more_calls_than_a_window_allows_are_found_wherever_it_begins(world: World) -> None:
    for place, call in enumerate(world.ledger):
        call["received_at"] = 100.0 + place
    assert not world.checked(calls_in_window=(4, 60)).violations
    assert not world.checked(calls_in_window=(3, 3.0)).violations
    (found,) = world.checked(calls_in_window=(3, 3.1)).violations
    assert found.startswith("4 calls within 3.000 s from 100.000 on")
