"""`python -m worker generate | upkeep | beat`: one process of the fleet.

`generate` serves tickets with `SEGQ_SLOTS` threads, `upkeep` runs what beat asks for, and never the
other's work: waiting slots must not block what would free them.
"""

import logging
import os
import sys
import warnings
from threading import Thread
from typing import Any

from celery import signals
from celery.exceptions import SecurityWarning

from jobs.errors import SegqError
from jobs.wire import UPKEEP_QUEUE, ticket_queue
from worker import settings as worker_settings
from worker.app import app
from worker.celery_settings import beat_schedule
from worker.parts import parts, warm_up
from worker.stopping import stopping
from worker.upkeep import probe_credits

UPKEEP_THREADS = 4
"""A sweep that takes long must not hold up the top-up."""


def main() -> int:
    """Exit status 2 for words or settings that cannot be used."""
    try:
        (role,) = sys.argv[1:]
        command = {"generate": _generate, "upkeep": _upkeep, "beat": _beat}[role]
    except (ValueError, KeyError):
        return _refuse(str(__doc__))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Celery tells of every task twice; the tick alone would be 100,000 lines a day.
    for noisy in ("celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Celery warns root of pickled messages; here only JSON is read.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    try:
        settings = worker_settings.read()
    except SegqError as error:
        return _refuse(str(error))
    _announce(settings)
    command(settings)
    return 0


def _generate(settings: worker_settings.Settings) -> None:
    @signals.worker_init.connect(weak=False)
    def _(**_: Any) -> None:
        found = parts()
        Thread(target=warm_up, args=(found,), name="warm-up", daemon=True).start()

    _work(ticket_queue(settings.pool), settings.slots, f"generate-{os.getpid()}")


def _upkeep(_: worker_settings.Settings) -> None:
    @signals.worker_init.connect(weak=False)
    def _probe(**_: Any) -> None:
        # A pause may be of an earlier key or balance: ask at once, not a probe's interval later.
        Thread(target=probe_credits, args=(parts(),), name="probe", daemon=True).start()

    _work(UPKEEP_QUEUE, UPKEEP_THREADS, f"upkeep-{os.getpid()}")


def _work(queue: str, threads: int, name: str) -> None:
    @signals.worker_shutting_down.connect(weak=False)
    def _(**_: Any) -> None:
        stopping.set()

    words = ["-P", "threads", "-c", str(threads), "-Q", queue, "-n", f"{name}@%h", "-E"]
    # Nobody here asks neighbours anything; heartbeats stay on for Flower.
    quiet = ["--without-gossip", "--without-mingle", "-l", "INFO"]
    app.worker_main(["--quiet", "worker", *words, *quiet])


def _beat(settings: worker_settings.Settings) -> None:
    app.conf.beat_schedule = beat_schedule(settings.probe_seconds)
    # The schedule is a few seconds long: nothing is worth a file that outlives the process.
    app.start(["--quiet", "beat", "-S", "celery.beat:Scheduler", "--pidfile=", "-l", "WARNING"])


def _announce(settings: worker_settings.Settings) -> None:
    def touch(**_: Any) -> None:
        if settings.ready_file is not None:
            settings.ready_file.touch()

    signals.worker_ready.connect(touch, weak=False)
    signals.beat_init.connect(touch, weak=False)


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)  # noqa: T201  # before there is a log
    return 2


sys.exit(main())
