"""Databases on a PostgreSQL server."""

import secrets

import psycopg


def new_database(server: str, template: str = "template1") -> str:
    """An empty database, or a copy of one that nobody is connected to; it ends with the server."""
    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return f"{server.rpartition('/')[0]}/{name}"
