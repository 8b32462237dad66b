"""Ending children stage by stage, each one allowed the time it needs."""

import time
from collections.abc import Callable, Sequence

from cli.child import Child
from cli.wakeups import Wakeups

# Said only when a stage takes longer than a person wonders.
_QUIET_FOR = 3.0


def stop_all(children: Sequence[Child], wakeups: Wakeups, say: Callable[[str], None]) -> None:
    """SIGTERM a stage, wait until it is gone (SIGKILL after a child's patience), then the next.

    Returns when no child is left. A second Ctrl-C kills everything at once.
    """
    for stage in sorted({one.process.stop_stage for one in children}):
        _stop_stage([one for one in children if one.process.stop_stage == stage], wakeups, say)


def _stop_stage(stage: Sequence[Child], wakeups: Wakeups, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    said = False
    running = [one for one in stage if one.exit_code() is None]
    for child in running:
        child.end()
    while running:
        waited = time.monotonic() - began
        late = [one for one in running if wakeups.hurry or waited >= one.process.patience]
        for child in late:
            child.kill()
        cut_off = ", ".join(one.process.name for one in late if one.process.finishes_calls)
        if cut_off:
            say(
                f"{cut_off} ended at once: calls in flight were cut off, "
                "and their jobs will be in doubt (they may be paid)"
            )
        running = [one for one in running if one.exit_code() is None]
        if not running:
            return
        longest = max(one.process.patience for one in running)
        if waited >= _QUIET_FOR and not said:
            said = True
            names = ", ".join(one.process.name for one in running)
            say(f"waiting up to {longest:g} s for {names} to finish; Ctrl-C again ends it at once")
        next_kill = min(one.process.patience for one in running) - waited
        wakeups.wait(max(0.0, min(next_kill, 1.0)))
