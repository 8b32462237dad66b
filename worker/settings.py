"""What a worker reads from its environment, once, in the composition root."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobs.errors import InvalidSetting
from jobs.timing import CallTiming
from jobs.wire import pool_name


@dataclass(frozen=True)
class Settings:
    """Bounds are checked on reading; secrets are left out of the repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    artifacts: Path
    pool: str
    segmind_key: str = field(repr=False)
    segmind_base_url: str | None
    calls_per_minute: int
    slots: int
    timing: CallTiming
    ready_file: Path | None


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises `InvalidSetting` naming the first variable that cannot be used."""
    number = _numbers(environment)
    ready = environment.get("SEGQ_READY_FILE")
    return Settings(
        database_url=_required(environment, "DATABASE_URL"),
        redis_url=_required(environment, "REDIS_URL"),
        artifacts=Path(_required(environment, "SEGQ_ARTIFACTS")),
        pool=pool_name(environment.get("SEGQ_POOL")),
        segmind_key=_key(environment),
        segmind_base_url=environment.get("SEGMIND_BASE_URL") or None,
        calls_per_minute=int(number("SEGMIND_RPM", 60, 1, 100_000)),
        slots=int(number("SEGQ_SLOTS", 32, 1, 2_000)),
        timing=CallTiming(
            deadline=number("SEGMIND_TIMEOUT", 120, 0.1, 600),
            grace=number("SEGQ_LEASE_GRACE", 60, 1, 3_600),
        ),
        ready_file=Path(ready) if ready else None,
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    found = environment.get(name, "")
    if not found:
        raise InvalidSetting(name, "", "set")
    return found


def _key(environment: Mapping[str, str]) -> str:
    key = _required(environment, "SEGMIND_API_KEY")
    if not re.fullmatch(r"[!-~]+", key):
        raise InvalidSetting("SEGMIND_API_KEY", "(not shown)", "printable ASCII without spaces")
    return key


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
