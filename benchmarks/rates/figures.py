"""What a cell's windows come to, and what they should: figures and targets of the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from benchmarks.rates.cells import AUTO, CHANGES, KNOWN, OTHERS, SHARED, Cell
from benchmarks.rates.provider_windows import Call, Provider, Span
from benchmarks.report import Report

LEAST, MEDIAN, USE = "least in a window", "median", "use"
REFUSED, KEPT, SILENCE = "429s", "95 % from window", "longest silence"
LOW, LOW_REFUSED = "at the low limit", "429s a window there"
CPU = "CPU"
ENOUGH = 0.95


@dataclass(frozen=True)
class Measured:
    """A cell that has run: its calls, its whole windows, and CPU seconds of who called."""

    cell: Cell
    provider: Provider
    calls: Sequence[Call]
    spans: Sequence[Span]
    cpu: float


def add(report: Report, found: Measured) -> None:
    """A row of its table. The first window is for starting, so only 429s are counted in it."""
    cell, provider = found.cell, found.provider
    last = provider.phase(found.spans, -1)
    told = last if cell.low is not None else last[1:]

    def figure(measure: str, unit: str, value: float) -> None:
        report.add(cell.name, measure, unit, value, table=cell.table)

    accepted = sorted(one.accepted for one in told)
    figure(LEAST, "calls", accepted[0])
    figure(MEDIAN, "calls", _median(accepted))
    figure(USE, "%", 100 * use(told, provider.seconds))
    figure(KEPT, "", kept_from(last))
    figure(SILENCE, "s", silence(found.calls, told[0].began, told[-1].began + provider.seconds))
    calls = sum(one.accepted + one.refused for one in found.spans)
    refused = sum(one.refused for one in found.spans)
    figure(REFUSED, "of 1,000", 1_000 * refused / max(1, calls))
    if cell.low is not None:
        # A window is given to find out.
        low = provider.phase(found.spans, 1)[1:]
        if low:
            figure(LOW, "calls", _median(sorted(one.accepted for one in low)))
            figure(LOW_REFUSED, "", max(one.refused for one in low))
    figure(CPU, "ms a call", 1_000 * found.cpu / max(1, calls - refused))


def use(spans: Sequence[Span], seconds: float) -> float:
    """Of what came through in the time from the first window to the last, and what could have.

    Between two fixed windows nobody's calls can pass unnoticed, but time can: it is counted.
    """
    accepted, left = sum(one.accepted for one in spans), sum(one.left for one in spans)
    took = spans[-1].began + seconds - spans[0].began
    return accepted / max(1.0, left * took / (len(spans) * seconds))


def silence(calls: Sequence[Call], since: float, until: float) -> float:
    """Seconds: the longest in which nothing was let through."""
    times = sorted(one.at for one in calls if one.accepted and since <= one.at < until)
    return max(after - before for before, after in pairwise([since, *times, until]))


def kept_from(spans: Sequence[Span]) -> int:
    """The first window (from 1) from which on each let 95 % through; one more than all: none."""
    found = len(spans) + 1
    for number in range(len(spans), 0, -1):
        # A call less is no loss where 95 % are no whole number.
        if spans[number - 1].accepted < int(ENOUGH * max(0, spans[number - 1].left)):
            break
        found = number
    return found


def hold(report: Report, found: Measured) -> None:
    """What the cell should have reached; the peers are only told."""
    cell = found.cell
    bound = partial(report.bound, cell.name, in_each_run=True)
    if cell.table == CHANGES:
        bound(KEPT, at_most=8)
        if (cell.name, LOW_REFUSED) in report.known():
            bound(LOW_REFUSED, at_most=1)
    elif cell.table == SHARED:
        bound(USE, at_least=90)
    elif cell.subject == KNOWN:
        most = max(limit for _, limit in found.provider.limits)
        bound(LEAST, at_least=most - 1)
        bound(REFUSED, at_most=0)
    elif cell.subject == AUTO:
        bound(KEPT, at_most=3)
        bound(REFUSED, at_most=5)


def compare(report: Report, cells: Sequence[Cell]) -> None:
    """What segq uses beside each peer at the same limit, where both have run."""
    known = {(one.limit, one.kind): one for one in cells if _is_plain(one)}
    for peer in cells:
        ours = known.get((peer.limit, peer.kind))
        if peer.table == OTHERS and ours is not None:
            report.ratio(USE, ours.name, peer.name)


def _is_plain(cell: Cell) -> bool:
    return cell.subject == KNOWN and cell.workers == 1 and not cell.outside and cell.low is None


def _median(ordered: Sequence[int]) -> float:
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2
