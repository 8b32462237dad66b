"""Sets up a process's log: structlog and the standard library's logging, one stream on stderr.

`SEGQ_LOG_FORMAT` says how an entry is written: `json`, one object on a line; `console`, for people;
`auto`, for people where stderr is a terminal and JSON elsewhere.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import date
from types import TracebackType
from typing import Any

import structlog
from structlog.processors import ExceptionRenderer, TimeStamper
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from logs.crashes import log_crashes
from logs.masking import Mask
from logs.readable import FRAME, readable

FORMATS = ("auto", "console", "json")
LONGEST_TRACE = 12_000
"""Characters of an exception's text, its end: what carries logs off splits or drops longer lines
(container engines at 16 KiB)."""

_QUIETER = {
    # They tell of every task and every tick: 100,000 lines a day that say all is well.
    "celery.worker.strategy": logging.WARNING,
    "celery.beat": logging.WARNING,
    # A failed task is told by the worker, as `task_failed`.
    "celery.app.trace": logging.CRITICAL,
    # `started` and `stopped` say it.
    "celery.apps.worker": logging.WARNING,
    "flower.command": logging.WARNING,
    "uvicorn": logging.WARNING,
}


_masks: list[Mask] = []
"""The one of this process's log, once it is set up."""


class UnusableFormatError(ValueError):
    """SEGQ_LOG_FORMAT is none that there is."""


def configure(process: str, environ: Mapping[str, str] = os.environ) -> None:
    """Call it once, first thing: everything that is logged from here on goes to stderr.

    `process` stands in each line. Secrets of `environ` are in none, nor is anything that looks like
    one; that holds for other packages' lines, warnings and tracebacks too. Raises
    `UnusableFormatError`.
    """
    chosen = environ.get("SEGQ_LOG_FORMAT") or "auto"
    if chosen not in FORMATS:
        raise UnusableFormatError(
            f"SEGQ_LOG_FORMAT is {chosen!r}; it must be one of {', '.join(FORMATS)}"
        )
    terminal = sys.stderr.isatty()
    mask = Mask(environ)
    _masks[:] = [mask]
    lines = _Lines(
        process,
        mask,
        for_people=chosen == "console" or (chosen == "auto" and terminal),
        colours=terminal and not environ.get("NO_COLOR"),
    )
    structlog.configure(
        processors=[*lines.chain, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # What is below the level costs a call of a function that does nothing.
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = _Stderr()
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=lines.chain,
            processors=[ProcessorFormatter.remove_processors_meta, lines.render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name, level in _QUIETER.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)
    log_crashes()


def hide(*secrets: str) -> None:
    """Secrets that became known later, as from the database: no line shows them from here on."""
    for mask in _masks:
        mask.learn(*secrets)


class _Lines:
    """Makes lines of entries."""

    def __init__(self, process: str, mask: Mask, *, for_people: bool, colours: bool) -> None:
        self._process = process
        self._mask = mask
        self._for_people = for_people
        self._colours = colours
        self.chain: list[Processor] = [
            add_logger_name,
            add_log_level,
            TimeStamper(fmt="iso", utc=True, key="time"),
            ExceptionRenderer(self._traced),
        ]

    def render(self, _: WrappedLogger, __: str, entry: EventDict) -> str:
        entry["process"] = self._process
        entry["pid"] = os.getpid()
        # Before it becomes JSON, whose escapes would hide a secret with a quote in it.
        ordered = {name: self._plain(entry.pop(name, None)) for name in FRAME}
        ordered |= self._plain(entry)
        if self._for_people:
            return readable(ordered, colours=self._colours)
        return json.dumps(ordered)

    def _plain(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {self._mask(str(name)): self._plain(one) for name, one in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._plain(one) for one in value]
            case date():  # a datetime is one
                return value.isoformat()
            case _:
                return self._mask(str(value))

    def _traced(
        self, exc_info: tuple[type[BaseException], BaseException, TracebackType | None]
    ) -> str:
        # Masked before it is cut, which could leave half a secret. Without the values of variables,
        # as other renderers show them.
        return self._mask("".join(traceback.format_exception(*exc_info)).rstrip())[-LONGEST_TRACE:]


class _Stderr(logging.Handler):
    """Writes a line at once and as a whole, from a signal's handler too.

    A buffered stream raises an error when a signal's handler writes while its thread does.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001  # what is wrong with a line must not stop its writer
            self._tell_lost(record, error)
            return
        rest = f"{line}\n".encode("utf-8", "backslashreplace")
        try:
            while rest:
                rest = rest[os.write(2, rest) :]
        except OSError:
            return  # a full disk, a reader that has gone: there is no other place to say so

    def _tell_lost(self, record: logging.LogRecord, error: Exception) -> None:
        """Where it was, instead of what it was: the library would print its arguments as they are."""
        if record.name != __name__:
            log.error("line_lost", at=f"{record.name}:{record.lineno}", reason=type(error).__name__)


log = structlog.get_logger()
