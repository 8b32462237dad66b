"""Alembic migrations: expand, migrate, contract, so that old and new processes run side by side."""
