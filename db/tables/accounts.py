"""Upstream accounts, the keys that are kept here, and the models that they may not call."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
)

from db.column_types import Instant
from db.tables.columns import metadata, own_id

accounts = Table(
    "accounts",
    metadata,
    own_id(),
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
    # When it came to another key, which may be another Segmind account's; null: it has its first.
    Column("key_changed_at", Instant),
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
