"""Starting the supervisor in the background and learning whether it became ready."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from cli.child import LOG_LIMIT
from cli.complaint import ComplaintError
from cli.home import Home
from cli.terminal import say


def start_detached(home: Home, *, paused: bool = False) -> str:
    """Start `segq up` in a session of its own; return its ready line.

    Raises `ComplaintError` with the reason when it ended instead. The reason is what the supervisor
    said, read from its log: it has no terminal to say it on.
    """
    home.make()
    log = home.logs / "supervisor.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    reading, writing = os.pipe()
    more = ["--paused"] if paused else []
    with log.open("ab") as output:
        began_at = output.tell()
        supervisor = subprocess.Popen(
            (sys.executable, "-P", "-m", "cli", "up", "--report-to", str(writing), *more),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(writing,),
        )
    os.close(writing)
    try:
        with os.fdopen(reading) as report:
            line = report.read()  # until the other end is closed: it is ready, or it has ended
    except KeyboardInterrupt:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()
        raise
    if line:
        _repeat_warnings(log, began_at)
        # It outlives this process, which is why nobody waits for it.
        supervisor.returncode = 0
        return line
    code = supervisor.wait()
    raise ComplaintError(_last_words(log, began_at) or f"the start ended with {code}; log: {log}")


def report_and_close(descriptor: int, line: str) -> None:
    """Called by the detached supervisor, once."""
    with os.fdopen(descriptor, "w") as report:
        report.write(line)


def _repeat_warnings(log: Path, began_at: int) -> None:
    """What the supervisor had to say on its way to readiness: it has no terminal to say it on."""
    with log.open("rb") as file:
        file.seek(began_at)
        for line in file.read().decode(errors="replace").splitlines():
            if line.startswith("segq: WARNING"):
                say(line.removeprefix("segq: "))


def _last_words(log: Path, began_at: int) -> str:
    with log.open("rb") as file:
        file.seek(began_at)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("segq: ") if lines else ""
