"""A result in lines for a person at a terminal."""

from collections.abc import Iterator, Sequence

from cli.simulation.result import AccountResult, Result, TenantResult

_DASH = "-"


def lines(result: Result) -> Iterator[str]:
    """Accounts, tenants, then the whole."""
    yield from _table(
        ("account", "use", "2nd half", "accepted", "429", "believed"),
        [_account(one) for one in result.accounts],
    )
    yield ""
    yield from _table(
        (
            *("tenant", "weight", "jobs", "succeeded", "failed", "canceled", "open"),
            *("wait p50", "p95", "share", "of its due"),
        ),
        [_tenant(one) for one in result.tenants],
    )
    yield ""
    yield f"{result.calls:,} calls in {_span(result.seconds)}"
    yield f"429s per 10,000 calls: {result.refused_per_10_000:.1f}"
    index = _DASH if result.fairness is None else f"{result.fairness:.4f}"
    yield f"Jain's index of fairness, by weight: {index}"
    if result.kills:
        yield f"workers killed: {result.kills:,}; calls that may be paid twice: {result.sent_again}"
    held = result.held
    if held.jobs:
        doubts = f", {held.in_doubt:,} of them in doubt" if held.in_doubt else ""
        yield f"not done at the end: {held.jobs:,} jobs{doubts}"


def _account(one: AccountResult) -> Sequence[str]:
    return (
        *(one.name, _percent(one.use), _percent(one.late_use)),
        *(f"{one.accepted:,}", f"{one.refused:,}", f"{one.believed:,}"),
    )


def _tenant(one: TenantResult) -> Sequence[str]:
    counts = (one.weight, one.jobs, one.succeeded, one.failed, one.canceled, one.open)
    return (
        one.name,
        *(f"{count:,}" for count in counts),
        *(_span(one.wait_p50), _span(one.wait_p95), _percent(one.share), _percent(one.part_of_due)),
    )


def _percent(part: float | None) -> str:
    return _DASH if part is None else f"{100 * part:.1f} %"


def _span(seconds: float | None) -> str:
    """`0.4 s`, `12 min`, `3.1 h`."""
    if seconds is None:
        return _DASH
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        first, *rest = (
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join((first, *rest))
