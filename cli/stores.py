"""Where one system keeps its state: in its own home, or with what somebody else runs."""

from dataclasses import dataclass, field

from cli.addresses import Addresses
from cli.credentials import Credentials
from cli.home import Home
from cli.settings import Settings


@dataclass(frozen=True)
class Stores:
    """`artifacts` is an absolute folder or `s3://…`; the two URLs may hold passwords."""

    database: str = field(repr=False)
    redis: str = field(repr=False)
    artifacts: str


def choose_stores(
    settings: Settings, home: Home, addresses: Addresses, credentials: Credentials
) -> Stores:
    """What the user has named, part by part, and the home's own for the rest."""
    return Stores(
        database=settings.database_url or own_database(home),
        redis=settings.redis_url or addresses.redis_url(credentials.redis_password),
        artifacts=settings.artifacts or str(home.artifacts),
    )


def own_database(home: Home) -> str:
    return f"sqlite:///{home.path / 'segq.db'}"
