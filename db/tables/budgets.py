"""What tenants may spend, and what they hold of it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    SmallInteger,
    String,
    Table,
    Uuid,
    text,
)

from db.column_types import Document, Instant
from db.tables.columns import metadata

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
