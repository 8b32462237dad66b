"""A scenario, read from its TOML file. docs/simulate.md says what each key means."""

import tomllib
from decimal import Decimal
from pathlib import Path

from cli.complaint import ComplaintError
from cli.simulation.clock import seconds
from cli.simulation.scenario import (
    Account,
    Arrivals,
    Change,
    Faults,
    Latency,
    Scenario,
    Tenant,
    WindowKind,
    Workers,
)
from cli.simulation.tables import Table, is_
from jobs.catalog import MODELS, Model
from jobs.doubts import OnDoubt
from jobs.states import Priority

MOST_JOBS = 5_000_000
"""Of one entry of arrivals: they are all in memory at once."""
MOST_WINDOWS = 1_000_000
_RPM = (1, 100_000)
_OUTSIDE = (0, 10_000)
_MODEL = "ssd-canny"
_MEDIAN, _SIGMA, _SEND, _WAY = 6.0, 0.25, 0.02, 0.03
"""Seconds. The first two are the sandbox's; the others were measured with it, on one machine."""


def read(path: Path) -> Scenario:
    """Raises `ComplaintError` for a file that cannot be read or used."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ComplaintError(f"{path}: cannot be read: {error}") from error
    return parse(text, str(path))


def parse(toml: str, file: str) -> Scenario:
    """The scenario that a file of this name holds; raises `ComplaintError` for the first fault."""
    try:
        found = tomllib.loads(toml, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ComplaintError(f"{file}: is not TOML: {error}") from error
    top = Table(file, "", found)
    run = top.table("run")
    span = _given(run, "seconds", run.span("seconds", above=True))
    seed = run.whole("seed", 0, 2**63 - 1) or 0
    run.done()
    accounts = tuple(_account(one, n) for n, one in enumerate(_some(top, "account", 100), 1))
    tenants = tuple(_tenant(one) for one in _some(top, "tenant", 1_000))
    _named_apart(top, "account", [one.name for one in accounts])
    _named_apart(top, "tenant", [one.name for one in tenants])
    for one in accounts:
        if span // one.window_span > MOST_WINDOWS:
            raise top.wrong("run.seconds", f"is more than {MOST_WINDOWS:,} windows of {one.name}")
    names = {one.name for one in tenants}
    arrivals = tuple(_arrivals(one, names, span) for one in _some(top, "arrivals", 10_000))
    latency, faults = _latency(top.table("latency")), _faults(top.table("faults"))
    workers = _workers(top.table("workers"))
    top.done()
    return Scenario(span, seed, accounts, tenants, arrivals, latency, workers, faults)


def _some(top: Table, key: str, most: int) -> list[Table]:
    """At least one."""
    found = top.tables(key, most)
    if not found:
        raise top.wrong(key, f"is missing: write at least one [[{key}]]")
    return found


def _named_apart(top: Table, key: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise top.wrong(key, f"has two of one name: {', '.join(names)}")


def _account(table: Table, number: int) -> Account:
    found = Account(
        name=table.text_or_none("name") or f"account-{number}",
        rpm=_believed(table),
        true_rpm=_given(table, "true_rpm", table.whole("true_rpm", *_RPM)),
        window=table.one_of("window", WindowKind, WindowKind.FIXED),
        window_span=table.span("window_seconds", above=True, most=86_400) or seconds(60),
        outside_rpm=table.whole("outside_rpm", *_OUTSIDE) or 0,
        credits=table.usd("credits"),
        concurrency=table.whole("concurrency", 1, 1_000_000),
        states_reset=table.flag("states_reset", usual=True),
        changes=tuple(
            sorted(
                (_change(one) for one in table.tables("changes", 10_000)), key=lambda one: one.at
            )
        ),
    )
    table.done()
    return found


def _believed(table: Table) -> int | None:
    """None for "auto"."""
    given = table.take("rpm")
    if given == "auto":
        return None
    low, high = _RPM
    if not isinstance(given, int) or isinstance(given, bool) or not low <= given <= high:
        raise table.wrong(
            "rpm", f'must be "auto" or a whole number from {low:,} to {high:,}; {is_(given)}'
        )
    return given


def _change(table: Table) -> Change:
    found = Change(
        at=_given(table, "at", table.span("at")),
        true_rpm=table.whole("true_rpm", *_RPM),
        outside_rpm=table.whole("outside_rpm", *_OUTSIDE),
        credits=table.usd("credits"),
    )
    table.done()
    return found


def _tenant(table: Table) -> Tenant:
    found = Tenant(
        name=table.text("name"),
        weight=table.whole("weight", 1, 1_000) or 1,
        max_running=table.whole("max_running", 1, 100_000),
        groups=table.texts("groups", 1_000),
    )
    table.done()
    return found


def _arrivals(table: Table, tenants: set[str], span: int) -> Arrivals:
    tenant = table.text("tenant")
    if tenant not in tenants:
        raise table.wrong("tenant", f"names no [[tenant]]: {tenant!r}")
    count = table.whole("count", 1, MOST_JOBS)
    every = table.span("every", above=True)
    rate = table.number("rate", 0, 100_000, above=True)
    if [count, every, rate].count(None) != 2:
        raise table.wrong("count, every, rate", "of these exactly one must be there")
    until = table.span("until")
    if until is not None and count is not None:
        raise table.wrong("until", "bounds `every` and `rate`; `count` comes at once")
    cancel_at, cancel_count = table.span("cancel_at"), table.whole("cancel_count", 1, MOST_JOBS)
    if cancel_count is not None and cancel_at is None:
        raise table.wrong("cancel_at", "is missing: when `cancel_count` jobs are to be canceled")
    model, price = _model(table), table.usd("price")
    found = Arrivals(
        tenant=tenant,
        at=table.span("at") or 0,
        count=count,
        every=every,
        rate=rate,
        until=span if until is None else until,
        price=model.price({}) if price is None else price,
        priority=table.one_of("priority", Priority, Priority.NORMAL),
        group=table.text_or_none("group"),
        max_attempts=table.whole("max_attempts", 1, 100) or 3,
        on_doubt=table.one_of("on_doubt", OnDoubt, OnDoubt.HOLD),
        cancel_at=cancel_at,
        cancel_count=cancel_count,
    )
    _bounded(table, found)
    table.done()
    return found


def _model(table: Table) -> Model:
    """Only its price matters here: of one call with its usual values."""
    slug = table.text_or_none("model") or _MODEL
    if slug not in MODELS:
        raise table.wrong(
            "model", f"is not in the catalog: {slug!r}; there are: {', '.join(MODELS)}"
        )
    return MODELS[slug]


def _bounded(table: Table, found: Arrivals) -> None:
    length = max(0, found.until - found.at)
    if found.every is not None and length // found.every > MOST_JOBS:
        raise table.wrong("every", f"makes more than {MOST_JOBS:,} jobs until the end")
    if found.rate is not None and length / 1e6 * found.rate > MOST_JOBS:
        raise table.wrong("rate", f"makes more than {MOST_JOBS:,} jobs until the end")


def _latency(table: Table) -> Latency:
    sigma = table.number("sigma", 0, 5)
    found = Latency(
        median=_or(table.span("median", most=3_600), _MEDIAN),
        sigma=_SIGMA if sigma is None else sigma,
        send=_or(table.span("send", most=5), _SEND),
        way=_or(table.span("way", most=5), _WAY),
    )
    table.done()
    return found


def _faults(table: Table) -> Faults:
    found = Faults(
        error_rate_500=table.number("error_rate_500", 0, 1) or 0.0,
        timeout_rate=table.number("timeout_rate", 0, 1) or 0.0,
        worker_kill_every=table.span("worker_kill_every", above=True),
        redis_flush_at=table.spans("redis_flush_at"),
    )
    if found.error_rate_500 + found.timeout_rate > 1:
        raise table.wrong("error_rate_500", "and timeout_rate must not be more than 1 together")
    table.done()
    return found


def _workers(table: Table) -> Workers:
    found = Workers(
        processes=table.whole("processes", 1, 1_000) or 2,
        slots=table.whole("slots", 1, 2_000) or 32,
    )
    table.done()
    return found


def _given(table: Table, key: str, value: int | None) -> int:
    if value is None:
        raise table.wrong(key, "is missing")
    return value


def _or(span: int | None, usual: float) -> int:
    return seconds(usual) if span is None else span
