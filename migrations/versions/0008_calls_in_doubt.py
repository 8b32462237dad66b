"""v2 requests that are polled, leases that heartbeats extend, and doubts that the history ends.

Revision: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_OF_ATTEMPTS = (
    ("deadline_at", _MOMENT),
    ("holder", sa.Uuid()),
    ("next_poll_at", _MOMENT),
    ("next_look_at", _MOMENT),
    ("missed_at", _MOMENT),
    ("looked", sa.Text()),
    ("doubt_ended", sa.String(length=20)),
)


def upgrade() -> None:
    op.add_column(
        "attempts",
        sa.Column("transport", sa.String(length=5), server_default=sa.text("'v1'"), nullable=False),
    )
    for name, kind in _OF_ATTEMPTS:
        op.add_column("attempts", sa.Column(name, kind, nullable=True))
    op.create_index("ix_attempts_seed", "attempts", ["account_id", "seed"])
    for name in ("next_poll_at", "next_look_at"):
        due = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_attempts_{name}",
            "attempts",
            [name],
            unique=False,
            postgresql_where=due,
            sqlite_where=due,
        )
    # Doubts of before are looked for, too.
    op.execute(
        "UPDATE attempts SET next_look_at = in_doubt_at "
        "WHERE in_doubt_at IS NOT NULL AND finished_at IS NULL"
    )


def downgrade() -> None:
    for name in ("next_look_at", "next_poll_at", "seed"):
        op.drop_index(f"ix_attempts_{name}", table_name="attempts")
    for name, _ in reversed(_OF_ATTEMPTS):
        op.drop_column("attempts", name)
    op.drop_column("attempts", "transport")
