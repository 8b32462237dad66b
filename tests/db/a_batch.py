"""A batch with lines, whose jobs are claimed, and to which upkeep does what is wanted."""

from db.account_values import Account
from db.batch_counts import counts_of
from db.batch_rows import Batch, Line
from db.batch_sweeps import BatchSweeps
from db.engine import Database
from db.rows import Claim, NewJob, Terms
from db.runs import RunStore
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import LEASE

BROKE = Failure(FailureKind.UPSTREAM_ERROR, "it broke")
AGAIN = Decision(State.QUEUED, spends_attempt=True)
FAILS = Decision(State.FAILED, spends_attempt=True)


def lines_of(batch: Batch, *names: str, price: int = 10, first: int = 1) -> list[Line]:
    return [
        Line(
            number,
            name,
            NewJob(
                batch.tenant_id,
                "segmind",
                "ssd-canny",
                {"prompt": name},
                Money(price),
                group=batch.group,
                batch_id=batch.id,
                custom_id=name,
            ),
            name.ljust(16).encode(),
        )
        for number, name in enumerate(names, first)
    ]


def claims(runs: RunStore, account: Account, count: int) -> list[Claim]:
    found = runs.claim("segmind", account.id, terms=Terms(LEASE), count=count)
    assert isinstance(found, list)
    return found


def states(database: Database, batch: Batch) -> dict[str, int]:
    with database.read() as connection:
        counts = counts_of(connection, batch.id)
    return {place.state: count.jobs for place, count in sorted(counts.by_place.items())}


def sweep(database: Database, batch: Batch) -> None:
    sweeps = BatchSweeps(database)
    while sweeps.begun(10):
        sweeps.go_on(batch.id)
