"""Attempts: each call to the provider, from its claim on."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from db.column_types import Instant
from db.tables.columns import belongs_to, metadata, own_id

attempts = Table(
    "attempts",
    metadata,
    own_id(),
    belongs_to("jobs"),
    Column("number", Integer, nullable=False),
    belongs_to("accounts"),
    Column("seed", BigInteger),
    Column("estimate", BigInteger, nullable=False),
    Column("transport", String(5), nullable=False, server_default=text("'v1'")),
    Column("claimed_at", Instant, nullable=False),
    # Until then nobody takes it for lost. Its holder's heartbeats move it on, to the deadline at most.
    Column("lease_until", Instant, nullable=False),
    Column("deadline_at", Instant),
    # The process that has the call in its hands; null when it is only polled.
    Column("holder", Uuid),
    Column("sent_at", Instant),
    Column("answered_at", Instant),
    # When to ask next how a v2 request is doing; null when nobody is to ask.
    Column("next_poll_at", Instant),
    Column("in_doubt_at", Instant),
    # When to look for the call in the provider's history next: while it is in doubt, and after
    # that while its cost is only believed.
    Column("next_look_at", Instant),
    # When the first pass through the history began that lacked the call and counted.
    Column("missed_at", Instant),
    # What the last look came to, in words.
    Column("looked", Text),
    # How its doubt ended (jobs/doubts.py).
    Column("doubt_ended", String(20)),
    # Null while the call may still cost something: running, or in doubt.
    Column("finished_at", Instant),
    Column("outcome", String(30)),
    Column("http_status", SmallInteger),
    Column("message", Text),
    Column("request_id", String(200)),
    Column("cost", BigInteger),
    Column("cost_known", Boolean),
    Column("generation_seconds", Float),
    # How the result came: raw, json, json-list, multipart. What several samples look like is
    # documented nowhere, so it is written down.
    Column("answer_form", String(20)),
    UniqueConstraint("job_id", "number"),
    UniqueConstraint("account_id", "request_id"),
)
Index(
    "ix_attempts_open",
    attempts.c.account_id,
    attempts.c.lease_until,
    postgresql_where=attempts.c.finished_at.is_(None),
    sqlite_where=attempts.c.finished_at.is_(None),
)
_unsettled = attempts.c.finished_at.is_(None) & attempts.c.in_doubt_at.is_(None)
Index(
    "ix_attempts_late",
    attempts.c.lease_until,
    postgresql_where=_unsettled,
    sqlite_where=_unsettled,
)
# How doubts ended is counted; most attempts have had none.
_doubted = attempts.c.in_doubt_at.is_not(None)
Index(
    "ix_attempts_doubts",
    attempts.c.account_id,
    attempts.c.doubt_ended,
    postgresql_where=_doubted,
    sqlite_where=_doubted,
)
Index("ix_attempts_claimed", attempts.c.account_id, attempts.c.claimed_at)
# Calls of the same seed, which the history may not tell apart.
Index("ix_attempts_seed", attempts.c.account_id, attempts.c.seed)
for _moment in (attempts.c.next_poll_at, attempts.c.next_look_at):
    _is_due = _moment.is_not(None)
    Index(
        f"ix_attempts_{_moment.name}",
        _moment,
        postgresql_where=_is_due,
        sqlite_where=_is_due,
    )
