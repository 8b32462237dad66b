"""Many rows at once, as fast as the database takes them: COPY on PostgreSQL, one statement on SQLite."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from jobs.errors import Unavailable

_Bind = Callable[[Any], Any]


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows that all name the same columns, inside the connection's transaction.

    Raises the driver's own `IntegrityError` for one that is there already.
    """
    if not rows:
        return
    names = list(rows[0])
    binds = [_bind_of(table, name, connection.dialect) for name in names]
    values = [
        tuple(bind(row[name]) for name, bind in zip(names, binds, strict=True)) for row in rows
    ]
    columns = ", ".join(names)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" for _ in names)
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) VALUES ({places})",  # noqa: S608  # names of our own tables
            values,
        )
        return
    copy_in = f"COPY {table.name} ({columns}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    errors = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(copy_in) as copy:
            for one in values:
                copy.write_row(one)
    except (errors.OperationalError, errors.InterfaceError, errors.InternalError) as error:
        raise Unavailable(f"the database does not answer: {error}") from error


def _bind_of(table: Table, name: str, dialect: Dialect) -> _Bind:
    """What makes a value of the column into one that the driver takes."""
    found: _Bind | None = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
    return _as_it_is if found is None else found


def _as_it_is(value: Any) -> Any:
    return value
