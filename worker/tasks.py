"""The tasks, by the names in `jobs/wire.py`. Each only opens a door; upkeep's stay out of Flower."""

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from threading import Lock
from typing import Any, TypeVar

from jobs import wire
from worker import polling, upkeep
from worker.app import app
from worker.batches import tend_batches
from worker.parts import parts
from worker.purging import purge
from worker.reconciling import reconcile
from worker.run import run_ticket
from worker.sweeper import sweep

R = TypeVar("R")


def one_at_a_time(turn: Callable[[], R]) -> Callable[[], R | None]:
    """Beat's next tick must not find a long turn of the same kind under way and take a thread, too."""
    under_way = Lock()

    @wraps(turn)
    def taken() -> R | None:
        if not under_way.acquire(blocking=False):
            return None
        try:
            return turn()
        finally:
            under_way.release()

    return taken


@app.task(name=wire.GENERATE)
def generate(pool: str) -> dict[str, Any]:  # noqa: ARG001  # shown in Flower; its queue is the pool's
    return asdict(run_ticket(parts()))


@app.task(name=wire.TOP_UP, send_events=False)
@one_at_a_time
def top_up() -> dict[str, int]:
    return upkeep.top_up(parts(), app)


@app.task(name=wire.POLL, send_events=False)
@one_at_a_time
def poll() -> dict[str, int]:
    return polling.poll(parts())


@app.task(name=wire.SWEEP, send_events=False)
@one_at_a_time
def sweep_once() -> dict[str, int]:
    return sweep(parts())


@app.task(name=wire.RECONCILE, send_events=False)
@one_at_a_time
def reconcile_once() -> dict[str, int]:
    return reconcile(parts())


@app.task(name=wire.TEND_BATCHES, send_events=False)
@one_at_a_time
def tend() -> dict[str, int]:
    return tend_batches(parts())


@app.task(name=wire.PURGE, send_events=False)
@one_at_a_time
def purge_once() -> dict[str, int]:
    return purge(parts())


@app.task(name=wire.PROBE_CREDITS, send_events=False)
@one_at_a_time
def probe_credits() -> dict[str, str]:
    polling.tell_expiring(parts())
    parts().watch.keys.erase_unused(parts().pool)
    return upkeep.probe_credits(parts())
