"""The tables. Money is an integer of 10⁻¹⁰ USD; ids are UUIDv7, so they sort by creation."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from db.column_types import Document, Instant
from jobs.states import State

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", Uuid, primary_key=True)


def _belongs_to(table: str) -> Column[Any]:
    return Column(f"{table.removesuffix('s')}_id", Uuid, ForeignKey(f"{table}.id"), nullable=False)


def _pause() -> tuple[Column[Any], ...]:
    """Whether somebody has stopped it by hand: since when, who, and why in his words."""
    return (
        Column("paused_at", Instant),
        Column("paused_by", String(100)),
        Column("pause_note", Text),
        # Then its tenant cannot end the pause.
        Column("paused_by_admin", Boolean, nullable=False, server_default=false()),
    )


tenants = Table(
    "tenants",
    metadata,
    _id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("weight", Integer, nullable=False, server_default=text("1")),
    # Jobs that run at once at the most; null: no cap.
    Column("max_running", Integer),
    *_pause(),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("weight >= 1", name="weight"),
)

# A tenant's groups of which something is said; most groups are named by their jobs alone.
tenant_groups = Table(
    "tenant_groups",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    Column("group_name", String(200), primary_key=True),
    Column("max_running", Integer),
    *_pause(),
)

# How many waiting jobs a tenant may have, for those who have such a cap (db/queue_room.py).
tenant_queues = Table(
    "tenant_queues",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    Column("max_queued", Integer, nullable=False),
    # So many more fit at the least, as far as was counted.
    Column("room", Integer, nullable=False),
    # Null: to be counted anew.
    Column("counted_at", Instant),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _belongs_to("tenants"),
    # SHA-256 of the key. The key has 256 random bits, so a slow hash would protect nothing.
    Column("digest", String(64), nullable=False, unique=True),
    Column("label", String(100), nullable=False),
    # What it may do (jobs/scopes.py), with commas between. The default is for an earlier version,
    # which knows of none.
    Column("scopes", String(100), nullable=False, server_default=text("'submit,read,cancel'")),
    # Its last four characters, so that its owner knows it again; null of an older key.
    Column("ending", String(4)),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

accounts = Table(
    "accounts",
    metadata,
    _id(),
    Column("pool", String(50), nullable=False),
    Column("name", String(100), nullable=False),
    Column("call_limit", Integer, nullable=False),
    Column("window_seconds", Integer, nullable=False),
    Column("credits", BigInteger),
    Column("credits_sent_at", Instant),
    Column("credits_arrived_at", Instant),
    Column("paused_for", String(30)),
    Column("paused_at", Instant),
    # When its last pause ended: a refusal of a call from before that pauses nothing.
    Column("resumed_at", Instant),
    # What Segmind said when it paused; for whoever is to do something about it.
    Column("pause_message", Text),
    Column("limited_until", Instant),
    # How its models are called, whatever the catalog says; null: as the catalog says.
    Column("transport", String(5)),
    # Whether call_limit is only where the search for the limit begins.
    Column("limit_auto", Boolean, nullable=False, server_default=false()),
    # What the limiter believes by now, what was last known to be good, and how often that changed.
    Column("learned_limit", Integer),
    Column("good_limit", Integer),
    Column("learned_revision", BigInteger),
    # How the provider counts, as its resets show: fixed or sliding. For whoever looks.
    Column("window_kind", String(10)),
    # When its limiter was first opened: before that no permit can be in anybody's hand.
    Column("opened_at", Instant),
    # Where its key comes from (jobs/upstream_keys.py), and the key's last characters.
    Column("key_source", String(20)),
    Column("key_fingerprint", String(10)),
    # Why upkeep cannot use its key: then nobody calls with it.
    Column("key_trouble", Text),
    # Whether an operator has set call_limit or limit_auto in the place of SEGMIND_RPM.
    Column("limit_by_hand", Boolean, nullable=False, server_default=false()),
    # Since when no new call leaves it for good. Its attempts are looked for all the same.
    Column("removed_at", Instant),
    # The last thing that an operator has changed by hand.
    Column("changed_at", Instant),
    Column("changed_by", String(100)),
    Column("changed_what", String(100)),
    Column("changed_why", Text),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("pool", "name"),
    CheckConstraint("call_limit >= 1", name="call_limit"),
)

# Keys that are kept here, sealed (db/sealing.py). Apart from the accounts, which many read.
account_keys = Table(
    "account_keys",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id"), primary_key=True),
    Column("ciphertext", Text, nullable=False),
    # Names the master key that opens it.
    Column("master_key", String(20), nullable=False),
    Column("sealed_at", Instant, nullable=False),
)

# Models that an account may not call (403), until an operator says otherwise. A pause that has
# ended stays, so that a refusal from before its end is known as such.
model_pauses = Table(
    "model_pauses",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id"), primary_key=True),
    Column("model", String(100), primary_key=True),
    Column("paused_for", String(30), nullable=False),
    Column("message", Text, nullable=False),
    Column("paused_at", Instant, nullable=False),
    Column("resumed_at", Instant),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _belongs_to("tenants"),
    Column("pool", String(50), nullable=False),
    Column("model", String(100), nullable=False),
    Column("input", Document, nullable=False),
    Column("state", String(20), nullable=False),
    # Set while a queued job's model pauses, or its budget does not cover its next call: it is out
    # of the order then, so that no claim has to step over it again and again.
    Column("held_for", String(30)),
    Column("priority", SmallInteger, nullable=False),
    Column("group_name", String(200), nullable=False, server_default=text("''")),
    Column("tags", Document, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("run_at", Instant),
    Column("start_by", Instant),
    Column("finish_by", Instant),
    Column("max_attempts", SmallInteger, nullable=False),
    # How many attempts were spent; waiting for a limit or for credits spends none.
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # The number of the latest attempt: the fence of every write from `running`.
    Column("number", Integer, nullable=False, server_default=text("0")),
    Column("estimate", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False, server_default=text("0")),
    Column("seed", BigInteger),
    Column("error", Document),
    Column("cancel_requested_at", Instant),
    # Whether the image of a call that was under way when the job was canceled is dropped.
    Column("cancel_drops", Boolean, nullable=False, server_default=false()),
    # What its owner wants where nobody can tell whether its call was paid, and how long to wait.
    Column("on_doubt", String(10), nullable=False, server_default=text("'hold'")),
    Column("doubt_deadline", Instant),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    CheckConstraint(
        "state in ({})".format(", ".join(f"'{state}'" for state in State)), name="state"
    ),
)
_in_order = (jobs.c.state == "queued") & jobs.c.held_for.is_(None)
Index(
    "ix_jobs_order",
    jobs.c.pool,
    jobs.c.tenant_id,
    jobs.c.priority,
    jobs.c.group_name,
    jobs.c.id,
    # Last, and only to be read from the index: which of them are of a model that pauses.
    jobs.c.model,
    postgresql_where=_in_order,
    sqlite_where=_in_order,
)
_is_held = jobs.c.held_for.is_not(None)
Index("ix_jobs_held", jobs.c.pool, jobs.c.model, postgresql_where=_is_held, sqlite_where=_is_held)
# Pages of a tenant's jobs, newest first: of all, of a state, of a group (and of a tag, below).
Index("ix_jobs_listed", jobs.c.tenant_id, jobs.c.id)
Index("ix_jobs_listed_by_state", jobs.c.tenant_id, jobs.c.state, jobs.c.id)
Index("ix_jobs_listed_by_group", jobs.c.tenant_id, jobs.c.group_name, jobs.c.id)
Index(
    "ix_jobs_due",
    jobs.c.run_at,
    postgresql_where=jobs.c.state == "scheduled",
    sqlite_where=jobs.c.state == "scheduled",
)
for _bound in (jobs.c.start_by, jobs.c.finish_by):
    _waits = jobs.c.state.in_(["scheduled", "queued"]) & _bound.is_not(None)
    Index(f"ix_jobs_{_bound.name}", _bound, postgresql_where=_waits, sqlite_where=_waits)

# The tags of `jobs.tags` once more, each in a row, so that jobs are found by them.
job_tags = Table(
    "job_tags",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id"), primary_key=True),
    Column("tag", String(100), primary_key=True),
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=False),
)
Index("ix_job_tags_listed", job_tags.c.tenant_id, job_tags.c.tag, job_tags.c.job_id)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _belongs_to("jobs"),
    Column("number", Integer, nullable=False),
    _belongs_to("accounts"),
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

outputs = Table(
    "outputs",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id"), primary_key=True),
    Column("n", SmallInteger, primary_key=True),
    Column("artifact", String(300), nullable=False),
    Column("content_type", String(50), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

inputs = Table(
    "inputs",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("artifact", String(300), nullable=False),
    Column("content_type", String(50), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# What a POST with an Idempotency-Key was answered, for 24 hours.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    # SHA-256 of the method, the address and the body: the same key may not ask for another thing.
    Column("fingerprint", String(64), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", Document, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
Index("ix_idempotency_keys_created_at", idempotency_keys.c.created_at)

# Stride scheduling (jobs/order.py). A level is the tenants of a pool, or the groups of a tenant's
# priority. A pass at or below its level's clock means the same as no row.
order_levels = Table(
    "order_levels",
    metadata,
    Column("level", String(200), primary_key=True),
    Column("clock", BigInteger, nullable=False),
)
order_passes = Table(
    "order_passes",
    metadata,
    Column("level", String(200), primary_key=True),
    Column("member", String(200), primary_key=True),
    Column("pass", BigInteger, nullable=False),
)

# The one artifact store that belongs to this database: all processes must share it.
artifact_store = Table(
    "artifact_store",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    # What its marker says too (db/artifact_identity.py).
    Column("id", Uuid, nullable=False),
    # Where it was when it was first used, for whoever has to find it.
    Column("place", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Since when the marker is there. Null: whoever wrote this row has not come so far, or died.
    Column("marked_at", Instant),
    CheckConstraint("one = 1", name="one"),
)

# What a tenant may spend (jobs/budgets.py). Without a row it may spend what the accounts have.
budgets = Table(
    "budgets",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    Column("period", String(5), primary_key=True),
    # 10⁻¹⁰ USD.
    Column("amount", BigInteger, nullable=False),
    # Percents, ascending.
    Column("alerts", Document, nullable=False),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("period in ('total', 'day', 'month')", name="period"),
)

# What jobs and calls hold of it. Each sum changes in the commits that change its rows and in no
# other; `segq budget check` counts them anew.
budget_periods = Table(
    "budget_periods",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("period", String(5), primary_key=True),
    # The first day, in UTC.
    Column("starts_on", Date, primary_key=True),
    Column("spent", BigInteger, nullable=False, server_default=text("0")),
    Column("reserved", BigInteger, nullable=False, server_default=text("0")),
    # The highest percent whose alert was told.
    Column("alerted", SmallInteger, nullable=False, server_default=text("0")),
    # The price that was not covered when last somebody asked, so that not everybody asks.
    Column("short_price", BigInteger),
    Column("short_at", Instant),
    ForeignKeyConstraint(["tenant_id", "period"], ["budgets.tenant_id", "budgets.period"]),
)
