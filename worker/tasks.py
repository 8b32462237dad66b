"""The tasks, by the names in `jobs/wire.py`. Each only opens a door; upkeep's stay out of Flower."""

from dataclasses import asdict
from typing import Any

from jobs import wire
from worker import upkeep
from worker.app import app
from worker.parts import parts
from worker.run import run_ticket
from worker.sweeper import sweep


@app.task(name=wire.GENERATE)
def generate(pool: str) -> dict[str, Any]:  # noqa: ARG001  # shown in Flower; its queue is the pool's
    return asdict(run_ticket(parts()))


@app.task(name=wire.TOP_UP, send_events=False)
def top_up() -> dict[str, int]:
    return upkeep.top_up(parts(), app)


@app.task(name=wire.SWEEP, send_events=False)
def sweep_once() -> dict[str, int]:
    return sweep(parts())


@app.task(name=wire.PROBE_CREDITS, send_events=False)
def probe_credits() -> str:
    return upkeep.probe_credits(parts())
