"""Looking at processes from a test."""

import os
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def wait_until(
    met: Callable[[], bool], what: str, timeout: float = 20.0, every: float = 0.05
) -> None:
    """Poll until `met()`, `every` so many seconds; fails with `what` after `timeout` seconds."""
    ends_at = time.monotonic() + timeout
    while not met():
        assert time.monotonic() < ends_at, f"not after {timeout:g} s: {what}"
        time.sleep(every)


def is_gone(pid: int) -> bool:
    """Whether the process has ended. A zombie has: only its parent's bookkeeping is left of it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Without /proc it is no Linux, and it lives.
    return _state(pid) in {"Z", "X", ""} if Path("/proc/self/stat").exists() else False


def is_stopped(pid: int) -> bool:
    """Whether the process has been halted by a signal (Linux)."""
    return _state(pid) == "T"


def _state(pid: int) -> str:
    """A letter, as proc(5) has it; "" for a process that is not there."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def project_environment(**more: str) -> dict[str, str]:
    """What a command of ours needs to run from this checkout; nothing of the caller's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    # So that tests also run in a checkout whose packages are not installed.
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}", **more}
