"""Names and formats that processes share through Redis, and what the broker must be told."""

import re
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from jobs.errors import InvalidSetting

DEFAULT_POOL = "segmind"
SANDBOX_POOL = "sandbox"
"""Jobs that were given to the sandbox stay there: they must never be paid for by a real account."""
GENERATE = "segq.generate"
"""The task behind a ticket: "a job waits in this pool". It names no job."""
UPKEEP_QUEUE = "upkeep"
TOP_UP = "segq.top_up"
SWEEP = "segq.sweep"
PROBE_CREDITS = "segq.probe_credits"
POLL = "segq.poll"
RECONCILE = "segq.reconcile"
TEND_BATCHES = "segq.tend_batches"
PURGE = "segq.purge"

TICKET_CAP = 2_000
"""Tickets in a pool's queue at the most, so that Redis stays small with a million jobs waiting."""

BROKER_OPTIONS = MappingProxyType(
    {
        # Longer than the longest synchronous call's deadline (600 s) and a minute: a shorter one
        # would hand a message that is being worked on to a second worker.
        "visibility_timeout": 3_600,
        # Both are needed to put back what a dead worker held while the queue is busy.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A half-open connection must not hang a publisher for ever.
        "socket_timeout": 10,
        "socket_keepalive": True,
    }
)
"""Kombu's Redis transport options, the same in every process that speaks to the broker."""


def broker_tls(redis_url: str) -> dict[str, str | bool] | None:
    """Celery's `broker_use_ssl` for this URL: its `ssl_…` options; None without `rediss://`.

    Said for every `rediss://`: left to itself kombu takes any certificate where the URL has no option
    (`kombu.connection`, "defaulting to insecure SSL behaviour"), and Flower does not start.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "rediss":
        return None
    found: dict[str, str | bool] = {
        name: value for name, value in parse_qsl(parts.query) if name.startswith("ssl_")
    }
    if "ssl_check_hostname" in found:
        found["ssl_check_hostname"] = str(found["ssl_check_hostname"]).lower() != "false"
    return {"ssl_cert_reqs": "required", **found}


def pool_name(text: str | None) -> str:
    """A pool's name as `SEGQ_POOL` gives it; raises `InvalidSetting`."""
    name = text or DEFAULT_POOL
    if not re.fullmatch(r"[a-z0-9-]{1,50}", name):
        raise InvalidSetting("SEGQ_POOL", name, "1 to 50 of a-z, 0-9 and -")
    return name


def ticket_queue(pool: str) -> str:
    """The Celery queue, and Redis list, of a pool's tickets."""
    return f"generate.{pool}"


def job_channel(job_id: str) -> str:
    """The pub/sub channel on which a hint is published after a job's row has changed."""
    return f"segq:job:{job_id}"


def waiting_key(account_id: object) -> str:
    """A key that exists while workers wait for a permit of the account; its value is a `WaitingFor`."""
    return f"segq:waiting:{account_id}"


def slots_key(pool: str) -> str:
    """A sorted set of what a pool's worker processes tell: `<process>:<slots>`, by the second (of
    Redis's clock) until which it is good.
    """
    return f"segq:slots:{pool}"
