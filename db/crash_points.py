"""Where a process can die between two things that are kept, for tests to let it die there.

Nothing of this does anything unless `SEGQ_CRASH_AT` names points (with commas between them) and
`SEGQ_CRASH_TOKENS` a folder: a process that comes to a named point takes a file from there whose
name begins with the point's, and ends itself by SIGKILL, or where the name ends with `.stop` halts
there until somebody sends it SIGCONT; without such a file it goes on. So a test says how often, over
all processes and their restarts.
"""

import os
import signal
import threading
from enum import StrEnum
from pathlib import Path

from jobs.errors import InvalidSetting


class CrashPoint(StrEnum):
    """Each says what is kept by then and what is not."""

    ACCEPTED = "accepted"
    """Gateway: a request's work and its answer are committed; the client has no answer, and no
    ticket is on its way."""
    PERMITTED = "permitted"
    """Worker: the limiter counts its permits; nothing is claimed."""
    CLAIMED = "claimed"
    """Worker: claims and intents are committed; nothing is sent."""
    ANSWERED = "answered"
    """Worker: the answer is read, so its call was paid for; nothing of it is kept."""
    IMAGES_KEPT = "images_kept"
    """Worker: the images are flushed; no receipt, and SQL knows nothing."""
    RECEIPT_KEPT = "receipt_kept"
    """Worker: the receipt is flushed too; SQL knows nothing."""
    SETTLED = "settled"
    """Worker: the settle is committed; its receipt is still there, and maybe nobody was told."""
    WRITTEN = "written"
    """Worker: the id of a v2 request is committed; its ticket has not ended."""
    POLLED = "polled"
    """Upkeep: a v2 request is seen to be completed; nothing of its output is fetched."""
    SWEPT = "swept"
    """Sweeper: what a file of receipts says is committed; the file is still there."""
    RELEASED = "released"
    """Upkeep: jobs whose time has come are queued; no ticket is on its way."""
    LET_GO = "let_go"
    """Upkeep: it is committed that data of jobs is gone; none of its bytes are removed."""
    RESUMED = "resumed"
    """Upkeep: the end of an account's pause is committed; the limiter still pauses."""


def _armed(names: str) -> frozenset[CrashPoint]:
    try:
        return frozenset(CrashPoint(name) for name in names.split(",") if name)
    except ValueError:
        raise InvalidSetting("SEGQ_CRASH_AT", names, ", ".join(CrashPoint)) from None


_ARMED = _armed(os.environ.get("SEGQ_CRASH_AT", ""))
_TOKENS = Path(os.environ.get("SEGQ_CRASH_TOKENS", "."))


def reached(point: CrashPoint) -> None:
    """Die here if a test wants it."""
    if _ARMED and point in _ARMED:
        token = _taken(point)
        if token is not None:
            number = signal.SIGSTOP if token.suffix == ".stop" else signal.SIGKILL
            # To this thread: sent to the process, another may take it while this one goes on.
            signal.pthread_kill(threading.get_ident(), number)


def _taken(point: CrashPoint) -> Path | None:
    for token in _TOKENS.glob(f"{point}*"):
        try:
            token.unlink()
        except FileNotFoundError:  # another process was quicker
            continue
        return token
    return None
