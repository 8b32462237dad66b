"""Celery's own way to enqueue many: `apply_async` in a loop."""

import time

from celery import Celery

from benchmarks.queued_jobs import INPUT


def tasks_a_second(redis_url: str, count: int) -> float:
    """So many tasks, one after the other, as most people write it."""
    app = Celery("enqueue", broker=redis_url, set_as_current=False)
    app.conf.task_default_queue = "enqueue"

    @app.task(name="enqueue.generate")
    def generate(job: int, body: dict[str, object]) -> None:
        """Never run: nobody serves the queue."""

    generate.apply_async((0, INPUT))
    began = time.perf_counter()
    for n in range(count):
        generate.apply_async((n, {**INPUT, "seed": n}))
    took = time.perf_counter() - began
    app.close()
    return count / took
