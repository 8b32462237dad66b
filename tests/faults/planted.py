"""Violations to be planted in what an honest run has left: in SQL, in the ledger, in the store."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, delete, insert, select, update

from db.artifact_folder import FolderArtifacts
from db.tables import attempts, budget_periods, jobs, outputs
from tests.faults.checker import Allowed, Report, check
from tests.faults.evidence import gathered
from tests.worker.table_of_answers import Table


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


Plant = Callable[[World], None]
PLANTS: dict[str, tuple[Plant, str]] = {}


def _plants(says: str) -> Callable[[Plant], Plant]:
    def note(plant: Plant) -> Plant:
        PLANTS[plant.__name__] = plant, says
        return plant

    return note


@_plants("was promised and is gone")
def a_promised_job_is_gone(world: World) -> None:
    world.promised.append(str(uuid4()))


@_plants("was promised and is queued at rest")
def a_job_is_never_run(world: World) -> None:
    world.job("spare", state="queued")


@_plants("is in doubt without a reason")
def a_doubt_without_a_reason(world: World) -> None:
    world.job("lost", error=None)


@_plants("was charged 2 times")
def a_job_is_paid_twice(world: World) -> None:
    _second_attempt(world, "one", seed=77)
    world.ledger.append({**world.call("one"), "id": "again", "seed_used": 77, "seed_sent": 77})


@_plants("was sent twice")
def an_attempt_is_sent_twice(world: World) -> None:
    world.ledger.append({**world.call("one"), "id": "again"})


@_plants("is none of SQL's attempts")
def a_call_that_sql_lacks(world: World) -> None:
    world.ledger.append({**world.call("one"), "id": "strange", "seed_used": 1, "seed_sent": 1})


@_plants("the provider knows of no call")
def a_call_that_the_ledger_lacks(world: World) -> None:
    world.ledger.remove(world.call("two"))


@_plants("booked at 0.005 USD")
def _another_cost_than_was_charged(world: World) -> None:
    world.attempt("one", cost=50_000_000)
    world.job("one", cost=50_000_000)


@_plants("its attempts 0.006")
def a_job_does_not_say_what_it_cost(world: World) -> None:
    world.job("one", cost=0)


@_plants("recorded without a cost")
def an_attempt_without_a_cost(world: World) -> None:
    world.attempt("one", cost=None)


@_plants("booked at 0 USD (in_doubt_no_more)")
def a_paid_doubt_that_was_let_go_for_free(world: World) -> None:
    world.attempt(
        "lost", finished_at=_at(world), cost=0, cost_known=True, outcome="in_doubt_no_more"
    )
    world.job("lost", state="failed")


@_plants("recorded as not sent")
def a_call_that_is_said_to_be_unsent(world: World) -> None:
    world.attempt("wrong", outcome="not_sent", sent_at=None)


@_plants("still runs")
def a_call_that_has_not_ended(world: World) -> None:
    world.call("one")["finished_at"] = None


@_plants("the provider refused {429: 1}")
def a_refusal_that_sql_does_not_know(world: World) -> None:
    world.ledger.append(refusal(world))


@_plants("its attempts end with")
def a_number_without_an_attempt(world: World) -> None:
    world.job("one", number=2)


@_plants("never recorded, though the job went on")
def an_attempt_that_nobody_recorded(world: World) -> None:
    world.attempt("one", finished_at=None)
    _second_attempt(world, "one", seed=77)
    world.ledger.append({**world.call("one"), "id": "again", "seed_used": 77, "seed_sent": 77})


@_plants("has images of attempt [1], its latest is 2")
def a_fenced_worker_that_moved_the_job(world: World) -> None:
    _second_attempt(world, "one", seed=77)
    world.ledger.append({**world.call("one"), "id": "again", "seed_used": 77, "seed_sent": 77})


@_plants("it is recorded as invalid_input, and the job is succeeded")
def a_state_that_its_attempt_does_not_bear_out(world: World) -> None:
    world.job("wrong", state="succeeded")


@_plants("it is open, and the job is failed")
def a_final_job_whose_attempt_is_open(world: World) -> None:
    world.attempt("wrong", finished_at=None)


@_plants("the day budget of default from ")
def a_reservation_that_outlives_its_call(world: World) -> None:
    more = {"reserved": budget_periods.c.reserved + 60_000_000}
    world.connection.execute(update(budget_periods).values(more))


@_plants("succeeded and has no image")
def a_success_without_an_image(world: World) -> None:
    world.connection.execute(delete(outputs).where(outputs.c.job_id == world.ids["one"]))


@_plants("is still kept, though it is removed")
def an_image_that_outlives_its_time(world: World) -> None:
    world.job("one", outputs_removed_at=datetime.now(UTC))


@_plants("is not kept")
def an_image_that_is_gone(world: World) -> None:
    world.store.remove(world.key("one"))


@_plants("other bytes than SQL says")
def an_image_that_was_written_over(world: World) -> None:
    world.store.put(world.key("one"), world.store.get(world.key("two")))


@_plants("does not decode")
def an_image_that_is_none(world: World) -> None:
    _keep(world, "one", world.store.get(world.key("one"))[:3000])


@_plants("not as SQL says")
def an_image_of_another_size(world: World) -> None:
    world.output("one", width=8)


@_plants("not the picture that its call made")
def the_picture_of_another_call(world: World) -> None:
    _keep(world, "one", world.store.get(world.key("two")))


@_plants("stands under jobs that asked for")
def one_picture_under_two_jobs(world: World) -> None:
    _keep(world, "one", world.store.get(world.key("two")))


@_plants("which is another attempt's")
def an_image_under_another_attempts_name(world: World) -> None:
    world.output("one", artifact=world.key("one")[:-1] + "7")


@_plants("receipts that nobody has settled")
def receipts_that_are_left(world: World) -> None:
    world.store.put(f"pending/{uuid4()}.json", b"{}")


def _keep(world: World, prompt: str, data: bytes) -> None:
    """Other bytes, and SQL says so too."""
    world.store.put(world.key(prompt), data)
    world.output(prompt, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _at(world: World) -> Any:
    return world.connection.scalar(select(attempts.c.claimed_at))


def refusal(world: World) -> dict[str, Any]:
    nothing = {"inputs": None, "seed_used": None, "seed_sent": None, "cost": "0"}
    return {**world.call("one"), **nothing, "id": str(uuid4()), "status": 429}


def _second_attempt(world: World, prompt: str, seed: int) -> None:
    mine = attempts.c.job_id == world.ids[prompt]
    first = world.connection.execute(select(attempts).where(mine)).one()._mapping
    again = {**first, "id": uuid4(), "number": 2, "seed": seed, "request_id": f"again-{seed}"}
    world.connection.execute(insert(attempts).values(again))
    world.job(prompt, number=2, cost=120_000_000)
