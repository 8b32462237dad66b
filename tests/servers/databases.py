import secrets

import psycopg


def new_database(server: str) -> str:
    """An empty database on a PostgreSQL server; it ends with the server."""
    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{server.rpartition('/')[0]}/{name}"
