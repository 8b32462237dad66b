"""What the gateway is told from outside, read once, in `__main__`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from db.artifact_place import ArtifactPlace, artifact_place
from jobs.errors import InvalidSetting
from jobs.retention import FOR_EVER, Keeps, keeps_given
from jobs.wire import DEFAULT_POOL, pool_name

_REDIS_SCHEMES = ("redis://", "rediss://")
_LARGEST_PORT = 65_535
_BODY_SECONDS = (1, 3600)


@dataclass(frozen=True)
class Settings:
    """`artifacts` is where images are kept. URLs may hold passwords, so no repr shows them.

    `body_timeout` is in seconds, from 1 to 3600: for a whole request body, however it trickles.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    artifacts: ArtifactPlace
    pool: str = DEFAULT_POOL
    host: str = "127.0.0.1"
    port: int = 8100
    body_timeout: float = 60.0
    keeps: Keeps = FOR_EVER
    """How long data of tenants is kept of whom nothing else is said."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Raises `InvalidSetting` for what is missing or cannot be used."""
        redis_url = _required(environ, "REDIS_URL", "redis://… or rediss://…")
        if not redis_url.startswith(_REDIS_SCHEMES):
            scheme = redis_url.partition(":")[0][:20]
            raise InvalidSetting("REDIS_URL", f"{scheme}:…", "redis://… or rediss://…")
        return cls(
            database_url=_required(environ, "DATABASE_URL", "sqlite:///… or postgresql://…"),
            redis_url=redis_url,
            artifacts=artifact_place(environ),
            pool=pool_name(environ.get("SEGQ_POOL")),
            host=environ.get("SEGQ_HOST") or cls.host,
            port=_port(environ.get("SEGQ_PORT") or str(cls.port)),
            body_timeout=_body_timeout(environ.get("SEGQ_BODY_TIMEOUT") or str(cls.body_timeout)),
            keeps=keeps_given(environ.get("SEGQ_KEEP_OUTPUTS"), environ.get("SEGQ_KEEP_JOBS")),
        )


def _required(environ: Mapping[str, str], name: str, allowed: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise InvalidSetting(name, "", allowed)
    return value


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= _LARGEST_PORT:
        raise InvalidSetting("SEGQ_PORT", text, f"a port from 1 to {_LARGEST_PORT}")
    return int(text)


def _body_timeout(text: str) -> float:
    low, high = _BODY_SECONDS
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not low <= found <= high:
        raise InvalidSetting("SEGQ_BODY_TIMEOUT", text, f"seconds from {low} to {high}")
    return found
