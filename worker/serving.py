"""The two processes that serve tasks: tickets, and upkeep."""

import os
from threading import Thread
from typing import Any

import structlog
from celery import signals

from jobs.wire import UPKEEP_QUEUE, ticket_queue
from worker.app import app
from worker.parts import parts, parts_when_possible, warm_up
from worker.processes import run_celery
from worker.settings import Settings
from worker.stopping import stopping
from worker.upkeep import probe_credits

log = structlog.get_logger()

UPKEEP_THREADS = 4
"""A sweep that takes long must not hold up the top-up."""


def generate(settings: Settings) -> int:
    """Serves tickets with `SEGQ_SLOTS` threads, until told to stop; returns the exit status."""
    parts_when_possible()

    @signals.worker_init.connect(weak=False)
    def _(**_: Any) -> None:
        found = parts()
        Thread(target=warm_up, args=(found,), name="warm-up", daemon=True).start()

    return _work(ticket_queue(settings.pool), settings.slots, f"generate-{os.getpid()}")


def upkeep(_: Settings) -> int:
    """Does what beat asks for, and never the other's work: waiting slots must not block it."""
    parts_when_possible()

    @signals.worker_init.connect(weak=False)
    def _probe(**_: Any) -> None:
        # A pause may be of an earlier key or balance: ask at once, not a probe's interval later.
        Thread(target=probe_credits, args=(parts(),), name="probe", daemon=True).start()

    return _work(UPKEEP_QUEUE, UPKEEP_THREADS, f"upkeep-{os.getpid()}")


def _work(queue: str, threads: int, name: str) -> int:
    @signals.worker_shutting_down.connect(weak=False)
    def _(sig: str, **_: Any) -> None:
        stopping.set()
        log.info("stopping", signal=sig)

    @signals.task_failure.connect(weak=False)
    def _failed(sender: Any, exception: BaseException, **_: Any) -> None:
        log.error("task_failed", task=sender.name, exc_info=exception)

    app.conf.include = ["worker.tasks"]
    words = ["-P", "threads", "-c", str(threads), "-Q", queue, "-n", f"{name}@%h", "-E"]
    # Nobody here asks neighbours anything; heartbeats stay on for Flower.
    return run_celery("worker", *words, "--without-gossip", "--without-mingle")
