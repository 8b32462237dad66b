"""Looks at every statement that the stores emit: none may change a job's state blindly.

Every write of a state is conditional on the state that it leaves, and from `running` or `in_doubt`
on the attempt's number too. It listens to all engines of a test process.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Column, Engine, Update, event
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ClauseElement

from db.tables import jobs
from jobs.states import State

_TESTS = f"{Path(__file__).parent}/"
_STORES = f"{Path(__file__).parents[1] / 'db'}/"
_FENCED = {State.RUNNING, State.IN_DOUBT}
_TEXT = re.compile(
    r"\bUPDATE\s+\"?jobs\"?\s+SET\b(?P<set>.*?)\bWHERE\b(?P<where>.*)", re.IGNORECASE | re.DOTALL
)


class BlindWriteError(AssertionError):
    """A statement of a store changes a state without asking which one it leaves."""


def listen() -> None:
    """From now on in this process, for good."""
    event.listen(Engine, "before_cursor_execute", _look)


def complaint(statement: object) -> str | None:
    """What is wrong with a statement of a store, if anything."""
    if isinstance(statement, Update):
        return _of_update(statement)
    found = _TEXT.search(str(statement))
    if found is None or not re.search(r"\bstate\s*=", found["set"]):
        return None
    return None if re.search(r"\bstate\b", found["where"]) else "no condition on the state"


def _look(
    _connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    if "jobs" not in statement or not statement.lstrip().upper().startswith(("UPDATE", "WITH")):
        return
    compiled = getattr(context, "compiled", None)
    why = complaint(compiled.statement if compiled is not None else statement)
    if why is not None and _is_of_a_store():
        raise BlindWriteError(f"{why}: {statement}")


def _of_update(statement: Update) -> str | None:
    if statement.table is not jobs or not any(_is_state(one) for one in _set_by(statement)):
        return None
    columns = set(_columns(statement.whereclause))
    if jobs.c.state not in columns:
        return "no condition on the state"
    if _may_leave(statement) & _FENCED and jobs.c.number not in columns:
        return "no condition on the attempt's number"
    return None


def _set_by(statement: Update) -> Iterator[object]:
    given: Any = statement
    yield from given._values or ()
    for many in given._multi_values or ():
        for row in many:
            yield from row


def _is_state(column: object) -> bool:
    return getattr(column, "name", column) == "state"


def _columns(clause: ClauseElement | None) -> Iterator[Column[Any]]:
    if clause is not None:
        yield from (one for one in visitors.iterate(clause) if isinstance(one, Column))


def _may_leave(statement: Update) -> set[State]:
    """The states that its condition names; all where they come with the execution."""
    found: set[State] = set()
    if statement.whereclause is None:
        return set(State)
    for one in visitors.iterate(statement.whereclause):
        if isinstance(one, BinaryExpression) and one.left is jobs.c.state:
            for bound in visitors.iterate(one.right):
                if isinstance(bound, BindParameter):
                    found |= _values_of(bound)
    return found


def _values_of(bound: BindParameter[Any]) -> set[State]:
    if bound.required or bound.value is None:
        return set(State)
    values = (
        bound.value if isinstance(bound.value, list | tuple | set | frozenset) else [bound.value]
    )
    return {State(value) for value in values}


def _is_of_a_store() -> bool:
    """Whether the nearest code that is ours is a store's: tests write what they like."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_STORES) and not file.endswith("engine.py"):
            return True
        if file.startswith(_TESTS) and file != __file__:
            return False
        frame = frame.f_back
    return False
