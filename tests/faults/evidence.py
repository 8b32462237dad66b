"""What is known of a system at rest: what SQL says, what the provider charged, what is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db import receipts
from db.artifacts import ArtifactStore
from db.batch_check import BatchDrift, batch_drift
from db.budgets import BudgetStore, Drift
from db.engine import Database
from db.tables import attempts, jobs, outputs
from jobs.money import Money
from jobs.states import State
from tests.systems.running_system import System

_UNIT = Decimal(10) ** 10


@dataclass(frozen=True)
class Job:
    id: UUID
    tenant_id: UUID
    model: str
    input: Mapping[str, Any]
    state: State
    number: int
    cost: Money
    error: Mapping[str, Any] | None
    images_removed: bool
    """Their time has passed: SQL says that they are gone."""
    data_removed: bool


@dataclass(frozen=True)
class Attempt:
    id: UUID
    job_id: UUID
    number: int
    seed: int | None
    outcome: str | None
    http_status: int | None
    request_id: str | None
    cost: Money | None
    cost_known: bool | None
    is_sent: bool
    is_finished: bool
    is_in_doubt: bool

    @property
    def is_open(self) -> bool:
        """Running still: neither recorded nor given up to doubt."""
        return not self.is_finished and not self.is_in_doubt

    def __str__(self) -> str:
        return f"job {self.job_id}, attempt {self.number}"


@dataclass(frozen=True)
class Output:
    job_id: UUID
    n: int
    artifact: str
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Call:
    """A row of the provider's ledger. Times are its epoch seconds; `cost` in our units."""

    id: str
    model: str
    seed: int | None
    inputs: Mapping[str, Any] | None
    status: int | None
    cost: Money
    fault: str | None
    received_at: float
    has_ended: bool


@dataclass(frozen=True)
class Evidence:
    """`promised`: the ids of jobs that clients were answered 202 for."""

    promised: Sequence[UUID]
    jobs: Mapping[UUID, Job]
    attempts: Sequence[Attempt]
    outputs: Sequence[Output]
    calls: Sequence[Call]
    store: ArtifactStore
    receipts: Sequence[str]
    drift: Sequence[Drift] = ()
    """Sums of budgets that are not what jobs and calls say."""
    batch_drift: Sequence[BatchDrift] = ()
    """Counts of batches that are not those of their jobs."""


def evidence_of(system: System, promised: Sequence[str]) -> Evidence:
    database = Database(system.database)
    try:
        return gathered(promised, database, system.ledger(), system.artifacts)
    finally:
        database.close()


def gathered(
    promised: Sequence[str],
    database: Database,
    ledger: Sequence[Mapping[str, Any]],
    store: ArtifactStore,
) -> Evidence:
    # The ledger was read first, by the caller: a call that comes in between would be missed there.
    with database.read() as connection:
        job_rows = connection.execute(select(jobs)).all()
        attempt_rows = connection.execute(select(attempts).order_by(attempts.c.id)).all()
        output_rows = connection.execute(select(outputs)).all()
    return Evidence(
        promised=[UUID(one) for one in promised],
        jobs={row.id: _job(row) for row in job_rows},
        attempts=[_attempt(row) for row in attempt_rows],
        outputs=[_output(row) for row in output_rows],
        calls=[call_of(row) for row in ledger],
        store=store,
        receipts=receipts.pending(store),
        drift=BudgetStore(database).check(),
        batch_drift=batch_drift(database),
    )


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        tenant_id=row.tenant_id,
        model=row.model,
        input=row.input,
        state=State(row.state),
        number=row.number,
        cost=Money(row.cost),
        error=row.error,
        images_removed=row.outputs_removed_at is not None,
        data_removed=row.data_removed_at is not None,
    )


def _attempt(row: Any) -> Attempt:
    return Attempt(
        id=row.id,
        job_id=row.job_id,
        number=row.number,
        seed=row.seed,
        outcome=row.outcome,
        http_status=row.http_status,
        request_id=row.request_id,
        cost=None if row.cost is None else Money(row.cost),
        cost_known=row.cost_known,
        is_sent=row.sent_at is not None,
        is_finished=row.finished_at is not None,
        is_in_doubt=row.finished_at is None and row.in_doubt_at is not None,
    )


def _output(row: Any) -> Output:
    return Output(
        row.job_id, row.n, row.artifact, row.width, row.height, row.bytes, row.sha256
    )  # fmt: skip


def call_of(row: Mapping[str, Any]) -> Call:
    """A row as `/_sandbox/ledger` gives it."""
    seed = row["seed_used"] if row["seed_used"] is not None else row["seed_sent"]
    return Call(
        id=row["id"],
        model=row["model"],
        seed=seed,
        inputs=row["inputs"],
        status=row["status"],
        cost=Money(int(Decimal(row["cost"]) * _UNIT)),
        fault=row["fault"],
        received_at=row["received_at"],
        has_ended=row["finished_at"] is not None,
    )
