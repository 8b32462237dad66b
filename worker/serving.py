"""The two processes that serve tasks: tickets, and upkeep."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import Thread
from typing import Any

import structlog
from celery import signals
from redis.exceptions import RedisError

from jobs.wire import UPKEEP_QUEUE, ticket_queue
from worker.announcing import Announcement
from worker.app import app
from worker.celery_settings import UPKEEP_TASKS
from worker.following import follow, follow_for_all
from worker.parts import parts, parts_when_possible
from worker.processes import ended
from worker.progress import Progress
from worker.settings import Settings
from worker.stopping import stopping
from worker.upkeep import work_may_leave
from worker.vitals import Vitals

log = structlog.get_logger()

UPKEEP_THREADS = len(UPKEEP_TASKS) + 1
"""One for each kind of turn, and one more: a sweep that takes long must not hold up the top-up."""


def generate(settings: Settings) -> int:
    """Serves tickets with `SEGQ_SLOTS` threads, until told to stop; returns the exit status."""
    parts_when_possible()

    @signals.worker_init.connect(weak=False)
    def _(**_: Any) -> None:
        Thread(target=follow, args=(parts(),), name="accounts", daemon=True).start()

    def work_waits() -> bool:
        found = parts()
        return work_may_leave(found) and found.jobs.waiting(settings.pool, 1) > 0

    @cache
    def announcement() -> Announcement:
        return Announcement(parts().redis, settings.pool, settings.slots)

    @signals.worker_ready.connect(weak=False)
    def _told(**_: Any) -> None:
        with suppress(RedisError):  # the next beat tells it
            announcement().tell()

    @signals.worker_shutting_down.connect(weak=False)
    def _leaving(**_: Any) -> None:
        with suppress(RedisError):  # it is good for a few seconds only
            announcement().withdraw()

    queue = ticket_queue(settings.pool)
    return _work(
        settings, queue, settings.slots, "generate", work_waits, lambda: announcement().tell()
    )


def upkeep(settings: Settings) -> int:
    """Does what beat asks for, and never the other's work: waiting slots must not block it."""
    parts_when_possible()

    @signals.worker_init.connect(weak=False)
    def _(**_: Any) -> None:
        Thread(target=follow_for_all, args=(parts(),), name="accounts", daemon=True).start()

    # What beat asks for is always to be done.
    return _work(settings, UPKEEP_QUEUE, UPKEEP_THREADS, "upkeep", lambda: True, lambda: None)


def _work(
    settings: Settings,
    queue: str,
    threads: int,
    role: str,
    work_waits: Callable[[], bool],
    tell: Callable[[], None],
) -> int:
    progress = Progress()
    progress.follow()

    @signals.worker_ready.connect(weak=False)
    def _beats(**_: Any) -> None:
        Vitals(
            parts(),
            progress,
            queue=queue,
            threads=threads,
            ready_file=settings.ready_file,
            work_waits=work_waits,
            tell=tell,
        ).start()

    @signals.worker_shutting_down.connect(weak=False)
    def _(sig: str, **_: Any) -> None:
        stopping.set()
        log.info("stopping", signal=sig)

    @signals.task_failure.connect(weak=False)
    def _failed(sender: Any, exception: BaseException, **_: Any) -> None:
        log.error("task_failed", task=sender.name, exc_info=exception)

    app.conf.include = ["worker.tasks"]
    worker = app.Worker(
        # The host's name follows.
        hostname=f"{role}-{os.getpid()}@",
        pool_cls="threads",
        concurrency=threads,
        queues=[queue],
        task_events=True,
        # Nobody here asks neighbours anything; heartbeats stay on for Flower.
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )

    def serve() -> int | None:
        worker.start()
        return worker.exitcode

    return ended(serve)
