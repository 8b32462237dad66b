"""`column IN (many values)` as a statement that is written, and prepared, once for any number."""

from typing import Any

from sqlalchemy import ColumnElement, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from db.engine import Database


def among(database: Database, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `column` is one of the values that are bound to `name` as a list."""
    return one_of(column, name, sqlite=database.is_sqlite)


def one_of(column: ColumnElement[Any], name: str, *, sqlite: bool) -> ColumnElement[bool]:
    """`among` for statements that are written before there is a database."""
    if sqlite:
        return column.in_(bindparam(name, expanding=True))
    # One parameter: with as many as there are values, each number of them would be a statement of
    # its own to PostgreSQL and to the driver.
    return column == any_(bindparam(name, type_=ARRAY(column.type)))
