"""The services that processes are started as: what each runs, and which secrets it may know.

One home for both ways to start them: `segq gateway` and the like (a container, a unit of systemd),
and the children of `segq up`.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SECRETS = (
    "DATABASE_URL",
    "REDIS_URL",
    "SEGMIND_API_KEY",
    "SEGMIND_API_KEYS",
    "SEGQ_ENCRYPTION_KEY",
    "SEGQ_API_KEY",
    "FLOWER_BASIC_AUTH",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
)
"""Every variable whose value is a secret, or holds one; each may come as a file (`…_FILE`)."""

SECRETS_OF_S3 = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
_STORES = SECRETS_OF_S3 | {"DATABASE_URL", "REDIS_URL"}
_ACCOUNTS = frozenset({"SEGMIND_API_KEY", "SEGMIND_API_KEYS", "SEGQ_ENCRYPTION_KEY"})
SECRETS_OF_UP = _STORES | _ACCOUNTS
"""Those that `segq up` takes from its user; it makes the others itself."""


@dataclass(frozen=True)
class Service:
    """`words` are what Python is given; `secrets` those of `SECRETS` that the process needs."""

    words: tuple[str, ...]
    secrets: frozenset[str]

    @property
    def argv(self) -> tuple[str, ...]:
        # -P: a folder named `db` or `worker` where the user stands must not be taken for ours.
        return (sys.executable, "-P", "-m", *self.words)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ` without the secrets that are not this process's business."""
        others = {name for name in SECRETS if name not in self.secrets}
        return {name: value for name, value in environ.items() if name not in others}


SERVICES = {
    "gateway": Service(("api_gateway",), _STORES),
    "worker": Service(("worker", "generate"), _STORES | _ACCOUNTS),
    "upkeep": Service(("worker", "upkeep"), _STORES | _ACCOUNTS),
    "beat": Service(("worker", "beat"), frozenset({"REDIS_URL"})),
    "migrate": Service(("db", "prepare"), frozenset({"DATABASE_URL", "SEGQ_API_KEY"})),
}


def audit(words: Sequence[str]) -> Service:
    """Our calls beside the provider's history; `words` are its own."""
    return Service(("worker", "audit", *words), _STORES | _ACCOUNTS)


def paused_start(accounts: Sequence[str]) -> Service:
    """Stops a pool's accounts, these among them, before its first worker is there."""
    return Service(("cli.paused_start", *accounts), frozenset({"DATABASE_URL"}))


def flower(address: str, port: int) -> Service:
    """The dashboard, listening there."""
    words = (
        *("worker", "flower"),
        *(f"--address={address}", f"--port={port}"),
        "--max-tasks=10000",
        # The result says which job a ticket led to; by default Flower's list leaves it out.
        "--tasks-columns=name,uuid,state,result,received,runtime,worker",
    )
    return Service(words, frozenset({"REDIS_URL", "FLOWER_BASIC_AUTH"}))
