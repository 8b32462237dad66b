"""Indexes of tables that are in use."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


def create_beside_writers(
    table: str, indexes: Sequence[tuple[str, list[str], sa.TextClause]]
) -> None:
    """Make indexes, each with its name, its columns and its condition, while the table is written.

    On PostgreSQL that is outside of a transaction, and commits what the revision has done before: it
    is to do nothing else, so that it can be done again. What an earlier try has left of an index,
    which had waited too long for somebody, is no index.
    """
    if op.get_bind().dialect.name != "postgresql":
        for name, columns, condition in indexes:
            op.create_index(name, table, columns, sqlite_where=condition)
        return
    with op.get_context().autocommit_block():
        for name, columns, condition in indexes:
            op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name, table, columns, postgresql_where=condition, postgresql_concurrently=True
            )
