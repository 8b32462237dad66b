"""Exceptions that nobody caught: an event in the log instead of a traceback beside it."""

import sys
import threading
from types import TracebackType

import structlog

log = structlog.get_logger()


def log_crashes() -> None:
    """From here on the interpreter's last words are log lines, masked like all others."""
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed
    sys.unraisablehook = _unraisable


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):  # that is someone's wish
        log.critical("crashed", error=kind.__name__, exc_info=(kind, error, trace))


def _thread_crashed(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return
    log.error(
        "thread_crashed",
        thread=args.thread.name if args.thread else "?",
        error=args.exc_type.__name__,
        exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
    )


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    """Raised where it could go nowhere, such as in a finalizer."""
    error = args.exc_value
    log.error(
        "exception_dropped",
        error=args.exc_type.__name__,
        exc_info=(args.exc_type, error, args.exc_traceback) if error else None,
    )
