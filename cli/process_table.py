"""The processes that make up one system, with what each waits for and when each is ended."""

import json
import sys
from collections.abc import Mapping

from cli.addresses import Addresses
from cli.credentials import Credentials
from cli.home import Home
from cli.process import Process
from cli.readiness import FileAppeared, HttpOk, PortAccepts, RedisAnswers
from cli.services import SERVICES, Service, flower, paused_start
from cli.settings import Settings
from jobs.upstream_keys import DEFAULT_ACCOUNT

FLOWER_USER = "segq"

# Doors first, so that nothing new comes in; then the workers, which may finish what is paid for;
# the sandbox only after them, since it is what they are waiting for; Redis last.
_DOORS, _WORKERS, _UPSTREAM, _REDIS = range(4)
# After the deadline of a call come keeping its image and settling its row.
_AFTER_THE_CALL = 15.0
_DOOR_PATIENCE = 5.0


def build_table(
    settings: Settings,
    home: Home,
    addresses: Addresses,
    credentials: Credentials,
    environment: Mapping[str, str],
    redis_argv: tuple[str, ...],
    *,
    paused: bool = False,
) -> list[Process]:
    """Every process of the system; `environment` is what they may be told.

    `paused`: the account is stopped before anything that could call is started.
    """
    redis = _redis(addresses, credentials, environment, redis_argv)
    broker = frozenset(one.name for one in redis)
    prepared = broker | {"prepare"}
    ready = prepared | {"pause"} if paused else prepared

    def celery(name: str, service: Service, *, stage: int, patience: float) -> Process:
        mark = home.ready / name
        return Process(
            name=name,
            argv=service.argv,
            environment={**service.environment(environment), "SEGQ_READY_FILE": str(mark)},
            ready=FileAppeared(mark),
            after=ready,
            stop_stage=stage,
            patience=patience,
        )

    gateway, migrate = SERVICES["gateway"], SERVICES["migrate"]
    table = [
        *redis,
        Process(
            name="prepare",
            argv=migrate.argv,
            environment=migrate.environment({**environment, "SEGQ_API_KEY": credentials.api_key}),
            once=True,
        ),
        *([_pause(settings, environment, prepared)] if paused else []),
        Process(
            name="gateway",
            argv=gateway.argv,
            environment=gateway.environment(environment),
            ready=HttpOk(addresses.gateway, "/readyz"),
            after=ready,
            stop_stage=_DOORS,
            patience=_DOOR_PATIENCE,
        ),
    ]
    table += [
        celery(
            f"worker-{number}",
            SERVICES["worker"],
            stage=_WORKERS,
            patience=settings.timeout + _AFTER_THE_CALL,
        )
        for number in range(1, settings.workers + 1)
    ]
    table += [
        celery("upkeep", SERVICES["upkeep"], stage=_DOORS, patience=_DOOR_PATIENCE),
        celery("beat", SERVICES["beat"], stage=_DOORS, patience=_DOOR_PATIENCE),
    ]
    if addresses.flower is not None:
        table.append(_flower(addresses.flower, credentials, environment, after=broker))
    if addresses.sandbox is not None:
        table.append(_sandbox(settings, addresses.sandbox, credentials, environment))
    return table


def _redis(
    addresses: Addresses,
    credentials: Credentials,
    environment: Mapping[str, str],
    argv: tuple[str, ...],
) -> list[Process]:
    """The server of this system; none where the user has named one."""
    if addresses.redis is None:
        return []
    return [
        Process(
            name="redis",
            argv=argv,
            environment=_bare(environment),
            ready=RedisAnswers(addresses.redis, credentials.redis_password),
            stop_stage=_REDIS,
        )
    ]


def _pause(settings: Settings, environment: Mapping[str, str], after: frozenset[str]) -> Process:
    service = paused_start(list(settings.api_keys) or [DEFAULT_ACCOUNT])
    return Process(
        name="pause",
        argv=service.argv,
        environment=service.environment(environment),
        after=after,
        once=True,
    )


def _flower(
    port: int,
    credentials: Credentials,
    environment: Mapping[str, str],
    after: frozenset[str],
) -> Process:
    service = flower("127.0.0.1", port)
    auth = f"{FLOWER_USER}:{credentials.flower_password}"
    return Process(
        name="flower",
        argv=service.argv,
        environment=service.environment({**environment, "FLOWER_BASIC_AUTH": auth}),
        ready=PortAccepts(port),
        after=after,
        stop_stage=_DOORS,
        patience=_DOOR_PATIENCE,
    )


def _sandbox(
    settings: Settings, port: int, credentials: Credentials, environment: Mapping[str, str]
) -> Process:
    return Process(
        name="sandbox",
        argv=(
            *(sys.executable, "-P", "-m", "sandbox"),
            *("--host", "127.0.0.1"),
            *("--port", str(port)),
            # A key of a sandbox that only this machine reaches opens nothing worth hiding.
            *("--key", credentials.sandbox_key),
            *("--settings", json.dumps({"rpm": settings.rpm})),
        ),
        environment=_bare(environment),
        ready=PortAccepts(port),
        stop_stage=_UPSTREAM,
    )


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    """For children that need none of our settings, so that they hold none of our secrets."""
    return {
        name: value
        for name, value in environment.items()
        if name != "DATABASE_URL" and not name.startswith(("AWS_", "SEGQ_", "SEGMIND_", "REDIS_"))
    }
