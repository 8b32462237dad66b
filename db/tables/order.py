"""Whose turn it is."""

from sqlalchemy import BigInteger, Column, String, Table

from db.tables.columns import metadata

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
