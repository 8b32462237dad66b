"""What a settle writes, each statement once for all attempts of a group."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Integer,
    bindparam,
    case,
    func,
    insert,
    or_,
    update,
)

from db.column_types import Instant
from db.tables import attempts, jobs, outputs


def _or_as_it_is(name: str, column: Column[Any]) -> ColumnElement[Any]:
    return func.coalesce(bindparam(name, type_=column.type), column)


def _unless_it_corrects(name: str, column: Column[Any]) -> ColumnElement[Any]:
    corrects = bindparam("corrects", type_=Boolean)
    return case((corrects, column), else_=bindparam(name, type_=column.type))


# Conditional once more: the rows are locked, and should that ever change, nothing is overwritten.
RECORD = (
    update(attempts)
    .where(
        attempts.c.id == bindparam("attempt"),
        or_(attempts.c.finished_at.is_(None), attempts.c.cost_known.is_(False)),
    )
    .values(
        finished_at=bindparam("ended"),
        next_poll_at=None,
        next_look_at=bindparam("look"),
        outcome=_unless_it_corrects("came_to", attempts.c.outcome),
        message=_unless_it_corrects("said", attempts.c.message),
        cost=bindparam("price"),
        cost_known=bindparam("known"),
        doubt_ended=_or_as_it_is("doubt_end", attempts.c.doubt_ended),
        # What whoever came before has seen stays where this one has not.
        in_doubt_at=_or_as_it_is("doubted", attempts.c.in_doubt_at),
        http_status=_or_as_it_is("status", attempts.c.http_status),
        request_id=_or_as_it_is("request", attempts.c.request_id),
        generation_seconds=_or_as_it_is("seconds", attempts.c.generation_seconds),
        sent_at=_or_as_it_is("sent", attempts.c.sent_at),
        answered_at=_or_as_it_is("answered", attempts.c.answered_at),
        answer_form=_or_as_it_is("form", attempts.c.answer_form),
    )
)
MOVE = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job"),
        jobs.c.number == bindparam("fence"),
        jobs.c.state == bindparam("leaves"),
    )
    .values(
        state=bindparam("becomes"),
        run_at=func.coalesce(bindparam("due", type_=Instant), jobs.c.run_at),
        attempts=jobs.c.attempts + bindparam("spent", type_=Integer),
        seed=bindparam("used"),
        error=bindparam("why"),
        finished_at=bindparam("ended"),
        cost=jobs.c.cost + bindparam("price", type_=BigInteger),
    )
)
BOOK = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(cost=jobs.c.cost + bindparam("price", type_=BigInteger))
)
KEEP = insert(outputs)
