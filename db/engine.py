"""The connection to SQL: SQLite on one machine, PostgreSQL (psycopg 3) on many."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DisconnectionError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from db.column_types import Instant
from jobs.errors import InvalidSetting, Unavailable

ASKED_AFTER = 2.0
"""Seconds of rest after which a connection is asked whether it still lives."""
SQLITE_BUSY_MS = 30_000
"""How long a writer waits for another process's write before SQLite gives up."""


class Database:
    """Hands out connections for reading (autocommit) and for writing (one commit).

    `pool_size` bounds the connections that are kept, `overflow` those opened beyond it for a peak.
    """

    def __init__(self, url: str, *, pool_size: int = 5, overflow: int = 10) -> None:
        """Raises `InvalidSetting` for a URL that is neither SQLite's nor PostgreSQL's."""
        self.engine = _engine(url, pool_size, overflow)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._reader = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._writer = self.engine.execution_options(segq_write=True)
        # SQLite's busy handler polls: threads of one process queue here instead, and fairly.
        self._one_writer = threading.Lock() if self.is_sqlite else nullcontext()
        self._of_this_thread = threading.local()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries; no transaction outlives a statement on PostgreSQL.

        Inside a `write` of the same thread it is that one's, and sees what it has written.
        """
        outer = self._outer()
        if outer is not None:
            yield outer
            return
        with _answers(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, savepoint: bool = True) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back by an exception.

        Inside another `write` of the same thread it is a part of that one: rolled back alone, but
        committed with the whole. So verbs of several stores can be one commit. Without `savepoint`,
        which costs two trips, it cannot be rolled back alone: an exception must end the whole.
        """
        outer = self._outer()
        if outer is not None:
            acts: list[Callable[[], None]] = self._of_this_thread.acts
            before = len(acts)
            try:
                with _answers(), outer.begin_nested() if savepoint else nullcontext():
                    yield outer
            except BaseException:
                del acts[before:]
                raise
            return
        self._of_this_thread.acts = []
        with _answers(), self._one_writer, self._writer.begin() as connection:
            self._of_this_thread.connection = connection
            try:
                yield connection
            finally:
                self._of_this_thread.connection = None
        for act in self._of_this_thread.acts:
            act()

    def once_committed(self, act: Callable[[], None]) -> None:
        """Do `act` when this thread's `write` is committed; not if what said so is rolled back."""
        self._of_this_thread.acts.append(act)

    @contextmanager
    def without_transaction(self) -> Iterator[Connection]:
        """A connection that begins and commits as its user says: migrations do so in steps."""
        with _answers(), self.engine.connect() as connection:
            yield connection

    def _outer(self) -> Connection | None:
        found: Connection | None = getattr(self._of_this_thread, "connection", None)
        return found

    @property
    def now(self) -> ColumnElement[datetime]:
        """The database's time as an expression, so that leases know one clock only."""
        return self.after(timedelta())

    def after(self, delay: timedelta) -> ColumnElement[datetime]:
        """The database's time and `delay` more."""
        return clock(delay, sqlite=self.is_sqlite)

    def time(self, connection: Connection) -> datetime:
        """The database's time as a value."""
        if self.is_sqlite:
            return datetime.now(UTC)
        found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return found

    def close(self) -> None:
        self.engine.dispose()


def clock(delay: timedelta = timedelta(), *, sqlite: bool) -> ColumnElement[datetime]:
    """`Database.after` for statements that are written before there is a database.

    SQLite lives on this machine and 3.40 has no sub-second clock: there the time is bound, anew
    whenever the statement is executed.
    """
    if not sqlite:
        now = func.clock_timestamp(type_=DateTime(timezone=True))
        return now + delay if delay else now
    bound: ColumnElement[datetime] = bindparam(
        None, callable_=lambda: datetime.now(UTC) + delay, type_=Instant(), unique=True
    )
    return bound


@contextmanager
def _answers() -> Iterator[None]:
    """SQL that is away, or breaks off, is `Unavailable` to everyone outside this package.

    Broken off at a commit, it may have been carried out all the same.
    """
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as error:
        # InternalError: a PostgreSQL that has just become a read-only standby says so with it.
        why = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise Unavailable(f"the database does not answer: {why}") from error


def _engine(url: str, pool_size: int, overflow: int) -> Engine:
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidSetting(
            "DATABASE_URL", "(not shown)", "sqlite:///… or postgresql://…"
        ) from None
    # Parameters are prompts and answers: they have no place in an error that is logged.
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": overflow,
        "hide_parameters": True,
    }
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            engine = create_engine(
                parsed, connect_args={"timeout": SQLITE_BUSY_MS / 1000}, **options
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        case "postgresql":
            engine = create_engine(
                parsed,
                connect_args={
                    "connect_timeout": 5,
                    # A server whose host has gone says nothing: half a minute, not two hours.
                    "keepalives_idle": 15,
                    "keepalives_interval": 5,
                    "keepalives_count": 3,
                    "tcp_user_timeout": 30_000,
                    "options": "-c idle_in_transaction_session_timeout=60000",
                },
                **options,
            )
            event.listen(engine, "checkin", _note_rest)
            event.listen(engine, "checkout", partial(_ask_after_rest, engine))
        case name:
            raise InvalidSetting("DATABASE_URL", name, "sqlite:///a/file or postgresql://…")
    return engine


def _note_rest(_connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _ask_after_rest(engine: Engine, connection: Any, record: Any, _proxy: Any) -> None:
    """A server that was restarted, or a firewall, leaves dead connections in the pool.

    Asking before each use would be one more trip for every transaction, so only those that have
    rested are asked. One that died a moment ago fails its user, who knows `Unavailable`, and the
    pool then replaces all of them.
    """
    if time.monotonic() - record.info.get("rests_since", math.inf) <= ASKED_AFTER:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except engine.dialect.loaded_dbapi.Error as error:
        raise DisconnectionError("the server closed it while it rested") from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions of its own: `_begin_sqlite` says when, and which kind.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A read that turns into a write cannot wait for the lock and fails at once, so a writer says
    # from the start that it is one.
    writes = connection.get_execution_options().get("segq_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
