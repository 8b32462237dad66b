"""Waits for the end of a run, from its first call to its last job, and looks on meanwhile."""

import time
from collections.abc import Callable, Sequence

from benchmarks.complaint import ComplaintError
from benchmarks.servers.processes import Process
from benchmarks.servers.upstream import Upstream

_START_SECONDS = 60.0
_STUCK_SECONDS = 60.0
_STEP = 0.02


def wait_for_first_call(upstream: Upstream, processes: Sequence[Process]) -> float:
    """Return at the first call with the time at which it came; `processes` are who makes it."""
    wait_for_calls(upstream, 1, processes)
    return upstream.stats().first


def wait_for_calls(upstream: Upstream, calls: int, processes: Sequence[Process]) -> None:
    """Return once so many calls have come; raises `ComplaintError` after 60 s."""
    deadline = time.monotonic() + _START_SECONDS
    while (came := upstream.stats().calls) < calls:
        for one in processes:
            one.check()
        if time.monotonic() > deadline:
            raise ComplaintError(
                f"{came} of {calls} calls came within {_START_SECONDS:g} s{_said(processes)}"
            )
        time.sleep(_STEP / 2)


def wait_for_last_job(
    upstream: Upstream,
    calls: int,
    unfinished: Callable[[], int],
    processes: Sequence[Process],
    look: Callable[[], None] = lambda: None,
) -> None:
    """Return when so many calls have come and no job is unfinished; `look` is called all the time.

    SQL is asked only after the last call, so that the question is no part of what is measured.
    """
    seen, since = -1, time.monotonic()
    while True:
        look()
        for one in processes:
            one.check()
        came = upstream.stats().calls
        left = unfinished() if came >= calls else -1
        if not left:
            return
        if (now := came - left) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STUCK_SECONDS:
            raise ComplaintError(
                f"nothing moved for {_STUCK_SECONDS:g} s: {came} of {calls} calls came, "
                f"{unfinished()} jobs are not final{_said(processes)}"
            )
        time.sleep(_STEP)


def _said(processes: Sequence[Process]) -> str:
    return "".join(f"\n{one.name}: {one.last_words()}" for one in processes)
