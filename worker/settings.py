"""What a worker reads from its environment, once, in the composition root."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from db.artifact_place import ArtifactPlace, artifact_place
from db.sealing import SETTING as ENCRYPTION_KEY
from db.sealing import MasterKeys
from jobs.account_pauses import USUAL_RESETS, ResetBounds
from jobs.catalog import Transport
from jobs.doubts import USUAL_TIMING, DoubtTiming
from jobs.errors import InvalidSetting
from jobs.limiting import AUTO, FIRST_BELIEF, MOST
from jobs.money import ZERO, Money, parse
from jobs.retention import FOR_EVER, Keeps, keeps_given
from jobs.timing import CallTiming
from jobs.upstream_keys import given_keys
from jobs.wire import pool_name

_PROBE = (30, 0.2, 3_600)
"""Default, least and most of `SEGQ_PROBE_SECONDS`."""


@dataclass(frozen=True)
class Settings:
    """Bounds are checked on reading; secrets are left out of the repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    artifacts: ArtifactPlace
    pool: str
    segmind_keys: Mapping[str, str] = field(repr=False)
    """By account; those in the database come to them."""
    segmind_base_url: str | None
    calls_per_minute: int
    """Or rather in `window_seconds`."""
    slots: int
    timing: CallTiming
    ready_file: Path | None
    master_keys: MasterKeys | None = field(default=None, repr=False)
    """What opens the keys in the database."""
    credits_floor: Money = ZERO
    """What must be left of each account's balance."""
    segmind_proxy: str | None = field(default=None, repr=False)
    resets: ResetBounds = USUAL_RESETS
    probe_seconds: float = 30.0
    """How often the free credits endpoint is asked whether a pause without an end is over."""
    ticket_seconds: float = 0.0
    """How long a slot goes on with one ticket; 0: one job."""
    transport: Transport | None = None
    """How models are called, whatever the catalog says; None: as it says."""
    doubts: DoubtTiming = USUAL_TIMING
    limit_auto: bool = False
    """Whether `calls_per_minute` is only where the search for the limit begins."""
    window_seconds: int = 60
    at_once: int = 1_000
    """Calls of the account in flight at the most, over all workers."""
    breaker_seconds: float = 30.0
    """How long the circuit breaker opens first."""
    stalls_after: float = 45.0
    """Seconds without a task taken, while some wait, after which the process starts anew."""
    keeps: Keeps = FOR_EVER
    """How long data of tenants is kept of whom nothing else is said."""
    history_url: str | None = None
    image_hosts: str | None = None


@dataclass(frozen=True)
class BeatSettings:
    """What beat needs, which knows of Redis alone."""

    redis_url: str = field(repr=False)
    probe_seconds: float
    ready_file: Path | None


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises `InvalidSetting` naming the first variable that cannot be used."""
    number = _numbers(environment)
    encryption_key = environment.get(ENCRYPTION_KEY)
    limit_auto = environment.get("SEGMIND_RPM") == AUTO
    return Settings(
        database_url=_required(environment, "DATABASE_URL"),
        redis_url=_required(environment, "REDIS_URL"),
        artifacts=artifact_place(environment),
        pool=pool_name(environment.get("SEGQ_POOL")),
        segmind_keys=_keys(environment),
        master_keys=MasterKeys(encryption_key) if encryption_key else None,
        credits_floor=_floor(environment),
        segmind_base_url=environment.get("SEGMIND_BASE_URL") or None,
        segmind_proxy=_proxy(environment),
        calls_per_minute=FIRST_BELIEF
        if limit_auto
        else int(number("SEGMIND_RPM", FIRST_BELIEF, 1, MOST)),
        limit_auto=limit_auto,
        window_seconds=int(number("SEGMIND_WINDOW", 60, 1, 3_600)),
        at_once=int(number("SEGQ_CONCURRENCY", 1_000, 1, 100_000)),
        breaker_seconds=number("SEGQ_BREAKER_SECONDS", 30, 0.2, 600),
        slots=int(number("SEGQ_SLOTS", 32, 1, 2_000)),
        timing=CallTiming(
            deadline=number("SEGMIND_TIMEOUT", 120, 0.1, 600),
            grace=number("SEGQ_LEASE_GRACE", 60, 1, 3_600),
        ),
        ready_file=_ready_file(environment),
        resets=ResetBounds(
            guessed=timedelta(seconds=number("SEGQ_RESET_GUESS_SECONDS", 30, 0.2, 600)),
            longest=timedelta(seconds=number("SEGQ_RESET_LONGEST_SECONDS", 120, 1, 3_600)),
        ),
        probe_seconds=number("SEGQ_PROBE_SECONDS", *_PROBE),
        ticket_seconds=number("SEGQ_TICKET_SECONDS", 0, 0, 3_600),
        transport=_transport(environment),
        doubts=DoubtTiming(
            patience=timedelta(seconds=number("SEGQ_DOUBT_PATIENCE", 1_800, 1, 604_800)),
            absent_after=timedelta(seconds=number("SEGQ_ABSENT_AFTER", 600, 1, 86_400)),
            between_passes=timedelta(seconds=number("SEGQ_PASS_GAP", 60, 0.2, 3_600)),
            look_every=timedelta(seconds=number("SEGQ_LOOK_SECONDS", 10, 0.2, 3_600)),
        ),
        stalls_after=number("SEGQ_STALL_SECONDS", 45, 1, 3_600),
        keeps=keeps_given(environment.get("SEGQ_KEEP_OUTPUTS"), environment.get("SEGQ_KEEP_JOBS")),
        history_url=environment.get("SEGMIND_HISTORY_URL") or None,
        image_hosts=environment.get("SEGMIND_IMAGE_HOSTS") or None,
    )


def read_beat(environment: Mapping[str, str] = os.environ) -> BeatSettings:
    """Raises `InvalidSetting`."""
    return BeatSettings(
        redis_url=_required(environment, "REDIS_URL"),
        probe_seconds=_numbers(environment)("SEGQ_PROBE_SECONDS", *_PROBE),
        ready_file=_ready_file(environment),
    )


def _transport(environment: Mapping[str, str]) -> Transport | None:
    text = environment.get("SEGQ_TRANSPORT") or None
    if text is not None and text not in list(Transport):
        raise InvalidSetting("SEGQ_TRANSPORT", text, " or ".join(Transport))
    return Transport(text) if text else None


def _ready_file(environment: Mapping[str, str]) -> Path | None:
    path = environment.get("SEGQ_READY_FILE")
    return Path(path) if path else None


def _required(environment: Mapping[str, str], name: str) -> str:
    found = environment.get(name, "")
    if not found:
        raise InvalidSetting(name, "", "set")
    return found


def _keys(environment: Mapping[str, str]) -> dict[str, str]:
    found = given_keys(environment.get("SEGMIND_API_KEY"), environment.get("SEGMIND_API_KEYS"))
    if not found and not environment.get(ENCRYPTION_KEY):
        raise InvalidSetting(
            "SEGMIND_API_KEY",
            "",
            f"set; or SEGMIND_API_KEYS, or {ENCRYPTION_KEY} for accounts that the database has",
        )
    return found


def _floor(environment: Mapping[str, str]) -> Money:
    text = environment.get("SEGQ_CREDITS_FLOOR") or "0"
    try:
        found = parse(text)
    except ValueError:
        found = Money(-1)
    if found < 0:
        raise InvalidSetting("SEGQ_CREDITS_FLOOR", text, "an amount in USD from 0, such as 2.50")
    return found


def _proxy(environment: Mapping[str, str]) -> str | None:
    proxy = environment.get("SEGMIND_PROXY") or None
    if proxy is not None and not proxy.startswith("http://"):
        # It may hold a password.
        raise InvalidSetting("SEGMIND_PROXY", "(not shown)", "an http:// URL")
    return proxy


def _numbers(
    environment: Mapping[str, str],
) -> Callable[[str, float, float, float], float]:
    def number(name: str, default: float, low: float, high: float) -> float:
        text = environment.get(name) or str(default)
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not low <= found <= high or (isinstance(default, int) and low >= 1 and found % 1):
            raise InvalidSetting(name, text, f"a number from {low} to {high}")
        return found

    return number
