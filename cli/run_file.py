"""SEGQ_HOME/run.json: how to reach the running system; there while it is ready, and only then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.addresses import Addresses
from cli.complaint import ComplaintError
from cli.credentials import Credentials
from cli.home import Home, owner_of, read_json, write_private
from cli.process_table import FLOWER_USER
from cli.stores import Stores, own_database


@dataclass(frozen=True)
class Running:
    """What run.json says. `processes` maps names to pids, `supervisor` among them."""

    gateway: str
    api_key: str = field(repr=False)
    flower: str | None
    flower_user: str
    flower_password: str = field(repr=False)
    sandbox: str | None
    sandbox_key: str | None = field(repr=False)
    redis: str = field(repr=False)
    database: str = field(repr=False)
    artifacts: str
    pool: str
    processes: dict[str, int]

    def has_stores_elsewhere(self, home: Home) -> bool:
        """Whether somebody else runs its database or Redis, or keeps its images."""
        own = own_database(home), str(home.artifacts)
        return "redis" not in self.processes or own != (self.database, self.artifacts)


def write_run_file(
    home: Home,
    addresses: Addresses,
    credentials: Credentials,
    stores: Stores,
    pool: str,
    pids: Mapping[str, int],
) -> None:
    sandboxed = addresses.sandbox is not None
    content: dict[str, Any] = {
        "gateway": addresses.gateway_url,
        "api_key": credentials.api_key,
        "flower": addresses.flower_url,
        "flower_user": FLOWER_USER,
        "flower_password": credentials.flower_password,
        "sandbox": addresses.sandbox_url,
        "sandbox_key": credentials.sandbox_key if sandboxed else None,
        "redis": stores.redis,
        "database": stores.database,
        "artifacts": stores.artifacts,
        "pool": pool,
        "processes": dict(pids),
    }
    write_private(home.run_file, content)


def read_running(home: Home) -> Running | None:
    """The system that runs in this home and is ready, or None.

    A run.json that a crash left does not count: it is believed only while the lock is held.
    """
    if owner_of(home) is None:
        return None
    content = read_json(home.run_file)
    if content is None:
        return None
    try:
        return Running(**content)
    except TypeError as error:
        raise ComplaintError(f"{home.run_file} was written by another version: {error}") from error


def must_run(home: Home) -> Running:
    """Like `read_running`, but raises `ComplaintError` where nothing runs."""
    running = read_running(home)
    if running is None:
        raise ComplaintError(f"nothing runs in {home.path}: start it with `segq up --detach`")
    return running
