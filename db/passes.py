"""What turns cost, written down: the passes of the order and its levels' clocks (`jobs/order.py`)."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Connection,
    Executable,
    String,
    bindparam,
    case,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from db.tables import order_levels, order_passes, tenants
from jobs.order import price_of_turn


def pool_level(pool: str) -> str:
    """The level of a pool's tenants."""
    return f"pool:{pool}"


def tenant_level(tenant: UUID, priority: int | str) -> str:
    """The level of the groups of a tenant's priority."""
    return f"tenant:{tenant.hex}:{priority}"


@dataclass(frozen=True)
class Charge:
    """What a turn adds to its member's pass: `price`, from `at` on."""

    level: str
    member: str
    at: int
    price: int


def charge(connection: Connection, charges: Iterable[Charge], *, postgres: bool) -> None:
    """Write down what turns cost, and move the levels' clocks on. `charges` in the turns' order.

    Written as additions to what stands there now, so that two claims at once lose neither. A member
    that had several turns pays for them together, and rows are always written in one order: two
    transactions that each wait for the other's row would be a deadlock.
    """
    pay, move_on = _PAY[postgres], _MOVE_ON[postgres]
    members: dict[tuple[str, str], Charge] = {}
    clocks: dict[str, int] = {}
    for one in charges:
        # Of the last turn, whoever had it: a clock that stays behind lets a newcomer take as many
        # turns in a row as one claim gave out.
        clocks[one.level] = max(one.at, clocks.get(one.level, 0))
        earlier = members.get((one.level, one.member))
        if earlier is not None:
            one = replace(earlier, price=earlier.price + one.price)  # noqa: PLW2901
        members[one.level, one.member] = one
    turns = [members[key] for key in sorted(members)]
    connection.execute(
        pay, [{"at_level": t.level, "by": t.member, "at": t.at, "price": t.price} for t in turns]
    )
    connection.execute(
        move_on, [{"at_level": level, "at": clocks[level]} for level in sorted(clocks)]
    )


def _upserts(insert: Callable[..., Any]) -> tuple[Executable, Executable]:
    at, price = bindparam("at", type_=BigInteger), bindparam("price", type_=BigInteger)
    level = bindparam("at_level", type_=String)
    passed, clock = order_passes.c["pass"], order_levels.c.clock
    pay = insert(order_passes).values(
        {"level": level, "member": bindparam("by", type_=String), "pass": at + price}
    )
    move_on = insert(order_levels).values(level=level, clock=at)
    return (
        pay.on_conflict_do_update(
            index_elements=["level", "member"],
            set_={"pass": case((passed > at, passed), else_=at) + price},
        ),
        move_on.on_conflict_do_update(
            index_elements=["level"], set_={"clock": case((clock > at, clock), else_=at)}
        ),
    )


_PAY, _MOVE_ON = zip(_upserts(sqlite.insert), _upserts(postgresql.insert), strict=True)


@dataclass(frozen=True)
class Refund:
    """A turn of a job whose call never left."""

    pool: str
    tenant: UUID
    priority: int
    group: str
    cost: int


def refund(connection: Connection, refunds: Iterable[Refund]) -> None:
    """Give the turns' prices back; in the order in which `charge` writes, too."""
    back: Counter[tuple[str, str]] = Counter()
    for one in refunds:
        weight = connection.scalar(select(tenants.c.weight).where(tenants.c.id == one.tenant)) or 1
        back[pool_level(one.pool), one.tenant.hex] += price_of_turn(one.cost, weight)
        back[tenant_level(one.tenant, one.priority), one.group] += price_of_turn(one.cost, 1)
    passed = order_passes.c["pass"]
    for level, member in sorted(back):
        connection.execute(
            order_passes.update()
            .where(order_passes.c.level == level, order_passes.c.member == member)
            .values({"pass": passed - back[level, member]})
        )


def forget_settled(connection: Connection) -> int:
    """Drop passes at or below their level's clock: they mean the same as no row.

    Rows that a claim holds are left for the next time: a claim takes a tenant's row and a group's
    in that order, and waiting for one while holding the other would be a deadlock.
    """
    settled = (
        select(order_passes.c.level, order_passes.c.member)
        .join(order_levels, order_levels.c.level == order_passes.c.level)
        .where(order_passes.c["pass"] <= order_levels.c.clock)
        .with_for_update(skip_locked=True, of=order_passes)
    )
    return connection.execute(
        order_passes.delete().where(
            tuple_(order_passes.c.level, order_passes.c.member).in_(settled)
        )
    ).rowcount
