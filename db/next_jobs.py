"""The jobs that go next, in order: at each step the oldest at the place whose turn it is."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    Select,
    SmallInteger,
    String,
    Uuid,
    bindparam,
    select,
    tuple_,
)

from db.engine import Database
from db.jobs import too_late
from db.passes import Charge
from db.tables import jobs, model_pauses
from db.turns import IN_ORDER, Groups, Tenants, in_order
from jobs.money import Money

_BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True)
class Next:
    """A job's row (as `oldest` was asked for it) and what its turn is to cost at each level.

    `capped`: its tenant or its group has a cap on how many of its jobs run.
    """

    row: Row[Any]
    charges: tuple[Charge, ...]
    capped: bool


@dataclass(frozen=True)
class Chosen:
    """Jobs in their order. `short`: what the next job of each tenant costs whose budget does not
    cover it.
    """

    jobs: list[Next]
    short: Mapping[UUID, Money]


def next_jobs(
    connection: Connection, pool: str, account_id: UUID, count: int, statement: Select[Any]
) -> Chosen:
    """Up to `count` jobs, as if each were chosen after the one before it had paid for its turn.

    Of tenants and groups that may not claim now none is looked at, and no more of a tenant whose
    budget does not cover its next job. `statement` (see `oldest`) must give the `estimate`. A place
    that looks full may turn out to be empty: other workers are claiming its last jobs right now, or
    all of them are too late.
    """
    tenants = Tenants(connection, pool)
    queues: dict[UUID, _Queue] = {}
    found: list[Next] = []
    while len(found) < count and (turn := tenants.next()) is not None:
        tenant = tenants.of(turn)
        queue = queues.get(tenant.id)
        if queue is None:
            queue = queues[tenant.id] = _Queue(connection, pool, tenant.id, account_id, statement)
        taken = queue.take(tenants.share(turn, count - len(found)))
        if taken is None or not tenants.affords(turn, taken.row.estimate):
            tenants.leave_out(turn)
            continue
        capped = taken.capped or tenants.is_capped(turn)
        charges = (tenants.pay(turn, taken.row.estimate), *taken.charges)
        found.append(Next(taken.row, charges, capped))
    return Chosen(found, tenants.short)


class _Queue:
    """One tenant's jobs in their order: by priority, then by the groups' turns, then by age."""

    def __init__(
        self,
        connection: Connection,
        pool: str,
        tenant: UUID,
        account_id: UUID,
        statement: Select[Any],
    ) -> None:
        self._connection = connection
        self._statement = statement
        self._at = {"pool": pool, "tenant": tenant, "account": account_id}
        self._taken: Counter[str] = Counter()
        self._levels = self._by_priority(connection, pool, tenant)
        self._groups = next(self._levels, None)
        self._fetched: dict[str, deque[Row[Any]]] = {}
        self._last: dict[str, UUID] = {}

    def _by_priority(self, connection: Connection, pool: str, tenant: UUID) -> Iterator[Groups]:
        above = -1
        while (groups := Groups.of(connection, pool, tenant, above, self._taken)) is not None:
            yield groups
            above = groups.priority

    def take(self, share: int) -> Next | None:
        """The tenant's next job, and what its group pays; None when there is none left."""
        while self._groups is not None:
            turn = self._groups.next()
            if turn is None:
                self._groups = next(self._levels, None)
                self._fetched, self._last = {}, {}
                continue
            most = self._groups.share(turn, share)
            row = self._oldest(self._groups.priority, turn.member, most)
            if row is None:
                self._groups.leave_out(turn)
                continue
            self._taken[turn.member] += 1
            capped = self._groups.is_capped(turn)
            return Next(row, (self._groups.pay(turn, row.estimate),), capped)
        return None

    def _oldest(self, priority: int, group: str, most: int) -> Row[Any] | None:
        waiting = self._fetched.setdefault(group, deque())
        if not waiting:
            at = {
                **self._at,
                "priority": priority,
                "group": group,
                "after": self._last.get(group, _BEFORE_ALL),
                "most": most,
            }
            waiting.extend(self._connection.execute(self._statement, at))
            if not waiting:
                return None
            self._last[group] = waiting[-1].id
        return waiting.popleft()


def oldest(database: Database, *columns: Any) -> Select[Any]:
    """The oldest jobs of a place that the account may call and that are not too late.

    Upkeep takes the others out of the way within a second: it holds or ends them. Binds: `pool`,
    `tenant`, `priority`, `group`, `account`, `after` (an id) and `most`.
    """
    # Apart from the job, and so asked once; a correlated one may be planned as a join of all.
    paused = select(model_pauses.c.model).where(
        model_pauses.c.account_id == bindparam("account", type_=Uuid),
        model_pauses.c.resumed_at.is_(None),
    )
    # As a row: see db/order_looks.py.
    place = tuple_(jobs.c.priority, jobs.c.group_name)
    here = tuple_(bindparam("priority", type_=SmallInteger), bindparam("group", type_=String))
    return (
        select(*columns)
        .where(
            jobs.c.pool == bindparam("pool"),
            *in_order(),
            jobs.c.tenant_id == bindparam("tenant"),
            place >= here,
            place <= here,
            jobs.c.id > bindparam("after", type_=Uuid),
            jobs.c.model.not_in(paused),
            ~too_late(database.now),
        )
        .order_by(*IN_ORDER)
        .limit(bindparam("most", type_=Integer))
    )
