from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from db.engine import Database
from db.migrate import downgrade, upgrade
from db.tables import metadata


def _differences(database: Database) -> list[object]:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))


def test_they_go_up_and_down_and_up_and_end_where_the_tables_are(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)
    assert _differences(database) == []
    downgrade(database, "base")
    assert len(_differences(database)) >= len(metadata.tables)
    upgrade(database)
    assert _differences(database) == []
    database.close()
