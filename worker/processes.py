"""The processes of the fleet, each from its start to its end.

Worker and beat are started without Celery's own command: that loads every command there is, Flower
and a prompt among them: a fifth of a start, and 13 MB.
"""

import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import structlog
from celery import signals
from celery.exceptions import SecurityWarning

from logs.starting import tell_start
from worker import settings as worker_settings
from worker.app import app
from worker.celery_settings import beat_schedule
from worker.settings import BeatSettings, Settings

log = structlog.get_logger()


def run(role: str, words: Sequence[str]) -> int:
    """Until it is told to stop; returns the exit status. Raises `InvalidSetting`.

    `words` are for Flower, which gets no settings of ours: it knows of Redis alone.
    """
    _leave_the_log_alone()
    if role == "flower":
        tell_start(None)
        celery: Any = app  # whose published types say that it never returns
        return ended(lambda: celery.start(["--quiet", "flower", *words]))
    # Beat and Flower need little of what serves tasks: they are told no secret but Redis', and are
    # a third smaller without the rest.
    if role == "beat":
        return _beat(worker_settings.read_beat())
    settings = worker_settings.read()
    _announce(settings)
    serving = import_module("worker.serving")
    return int(getattr(serving, role)(settings))


def _beat(settings: BeatSettings) -> int:
    _announce(settings)
    app.conf.beat_schedule = beat_schedule(settings.probe_seconds)
    signals.beat_init.connect(_end_when_told, weak=False)
    # The schedule is a few seconds long: nothing is worth a file that outlives the process.
    return ended(app.Beat(scheduler="celery.beat:Scheduler", quiet=True).run)


def _end_when_told(sender: Any, **_: Any) -> None:
    """Celery's own handler only raises, wherever the process is: in the middle of a read from Redis
    that has come out as another exception, which was logged, and beat went on for ever.
    """

    def end(*_: object) -> None:
        sender.stop()
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def ended(serve: Callable[[], Any]) -> int:
    """The exit status that Celery's part ends with."""
    try:
        status = int(serve() or 0)
    except SystemExit as end:  # so beat ends when it is told to
        status = int(end.code or 0)
    # While Python ends it would take the default's effect: a regular end would count as a kill.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if status == 0:
        # Of another end the last line says why; this one would hide it.
        log.info("stopped")
    return status


def _announce(settings: Settings | BeatSettings) -> None:
    def ready(**_: Any) -> None:
        tell_start(settings)
        if settings.ready_file is not None:
            settings.ready_file.touch()

    if settings.ready_file is not None:
        # One that was killed has left it, and it would say so of this one, too.
        settings.ready_file.unlink(missing_ok=True)
    signals.worker_ready.connect(ready, weak=False)
    signals.beat_init.connect(ready, weak=False)


def _leave_the_log_alone() -> None:
    # With a receiver Celery sets up no logging of its own.
    signals.setup_logging.connect(lambda **_: None, weak=False)
    # Where Celery prints "Warm shutdown", which `stopping` says: text amid lines of JSON.
    sys.__stdout__ = None  # type: ignore[misc]
    # Celery warns root of pickled messages; here only JSON is read.
    warnings.filterwarnings("ignore", category=SecurityWarning)
