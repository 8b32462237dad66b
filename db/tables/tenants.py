"""Tenants, what is said of their groups and queues, and their keys."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, String, Table, Uuid, text

from db.column_types import Instant
from db.tables.columns import belongs_to, metadata, own_id, pause

tenants = Table(
    "tenants",
    metadata,
    own_id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("weight", Integer, nullable=False, server_default=text("1")),
    # Jobs that run at once at the most; null: no cap.
    Column("max_running", Integer),
    *pause(),
    # Seconds after a job's end that its images, and its data, are kept (jobs/retention.py). 0: for
    # ever; null: as long as the environment says.
    Column("keep_outputs", Integer),
    Column("keep_jobs", Integer),
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
    *pause(),
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
    own_id(),
    belongs_to("tenants"),
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
