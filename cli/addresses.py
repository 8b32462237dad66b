"""Where the parts of one running system listen; all of it on loopback."""

from dataclasses import dataclass

from cli.complaint import ComplaintError
from cli.ports import free_port, is_taken
from cli.settings import Settings


@dataclass(frozen=True)
class Addresses:
    """Ports of 127.0.0.1, chosen before anything starts so that all children can be told."""

    gateway: int
    redis: int | None
    flower: int | None
    sandbox: int | None

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway}"

    @property
    def flower_url(self) -> str | None:
        return None if self.flower is None else f"http://127.0.0.1:{self.flower}"

    @property
    def sandbox_url(self) -> str | None:
        return None if self.sandbox is None else f"http://127.0.0.1:{self.sandbox}"

    def redis_url(self, password: str) -> str:
        return f"redis://:{password}@127.0.0.1:{self.redis}/0"


def choose_addresses(settings: Settings) -> Addresses:
    """Check the gateway's port and pick the others. Raises `ComplaintError` when it is taken."""
    if settings.port and is_taken(settings.port):
        raise ComplaintError(
            f"port {settings.port} of 127.0.0.1 is taken: set SEGQ_PORT to another one (0: any)"
        )
    picked: set[int] = set()
    while len(picked) < 4:
        picked.add(free_port())
    gateway, redis, flower, sandbox = picked
    return Addresses(
        gateway=settings.port or gateway,
        redis=None if settings.redis_url else redis,
        flower=flower if settings.flower else None,
        sandbox=None if settings.api_keys else sandbox,
    )
