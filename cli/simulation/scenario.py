"""What a scenario file says. docs/simulate.md tells what each key means; times here are in µs."""

from dataclasses import dataclass, field
from enum import StrEnum

from jobs.doubts import OnDoubt
from jobs.money import Money
from jobs.states import Priority


class WindowKind(StrEnum):
    """How the provider counts calls."""

    FIXED = "fixed"
    """A window begins with the first call after the last one ended."""
    SLIDING = "sliding"
    """Any span of the window's length."""
    ALIGNED = "aligned"
    """Windows stand side by side on the provider's clock, such as whole minutes."""


@dataclass(frozen=True)
class Change:
    """What becomes of an account at a moment; None: it stays."""

    at: int
    true_rpm: int | None = None
    outside_rpm: int | None = None
    credits: Money | None = None


@dataclass(frozen=True)
class Account:
    """`rpm` is what is believed, None: nothing (`auto`); `true_rpm` what the provider allows.

    Both are calls a window. `credits` None: more than is ever spent.
    """

    name: str
    rpm: int | None
    true_rpm: int
    window: WindowKind
    window_span: int
    outside_rpm: int
    credits: Money | None
    concurrency: int | None
    states_reset: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Tenant:
    """`groups`: over whom arrivals that name no group are spread, in turn."""

    name: str
    weight: int
    max_running: int | None
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Arrivals:
    """Jobs of one tenant: `count` of them at once, or one each `every`, or `rate` a second by chance.

    `until`: when the latter two end. `cancel_count` None: all that wait at `cancel_at`.
    """

    tenant: str
    at: int
    count: int | None
    every: int | None
    rate: float | None
    until: int
    price: Money
    priority: Priority
    group: str | None
    max_attempts: int
    on_doubt: OnDoubt
    cancel_at: int | None
    cancel_count: int | None


@dataclass(frozen=True)
class Latency:
    """Lognormal: medians in µs, `sigma` of the logarithm. `send`: from a permit to the first byte,
    `way`: from there to the provider's counter.
    """

    median: int
    sigma: float
    send: int
    way: int


@dataclass(frozen=True)
class Faults:
    """Rates are shares of the calls that the provider took."""

    error_rate_500: float = 0.0
    timeout_rate: float = 0.0
    worker_kill_every: int | None = None
    redis_flush_at: tuple[int, ...] = ()


@dataclass(frozen=True)
class Workers:
    """Worker processes, and the calls that each makes at once."""

    processes: int
    slots: int


@dataclass(frozen=True)
class Scenario:
    """One run, from time 0 to `span` at the most."""

    span: int
    seed: int
    accounts: tuple[Account, ...]
    tenants: tuple[Tenant, ...]
    arrivals: tuple[Arrivals, ...]
    latency: Latency
    workers: Workers
    faults: Faults = field(default_factory=Faults)
