"""The folder that holds all state of one system (SEGQ_HOME), and who owns it at the moment."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.complaint import ComplaintError

# `owner_of` holds the lock for a moment; a start that meets one must not take it for a system.
_LOOKS = 5


@dataclass(frozen=True)
class Home:
    """Where things are below SEGQ_HOME. The folder is for its owner alone (0700)."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def ready(self) -> Path:
        return self.path / "ready"

    @property
    def redis(self) -> Path:
        return self.path / "redis"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def secrets_file(self) -> Path:
        return self.path / "secrets.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def make(self) -> None:
        """Make the folder and what is in it; raises `ComplaintError` where that cannot be."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for folder in (self.logs, self.ready, self.redis, self.artifacts):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ComplaintError(f"SEGQ_HOME {self.path} cannot be used: {error}") from error

    def clear_marks(self) -> None:
        """Forget what an earlier, crashed run left: its run.json and its ready files."""
        self.run_file.unlink(missing_ok=True)
        for mark in self.ready.iterdir():
            mark.unlink()


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with mode 0600 in one step: a reader sees the old text or the new, never half."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The file's object, or None when there is no such file."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ComplaintError(f"{path} is not JSON ({error}); remove it to start afresh") from error
    if not isinstance(content, dict):
        raise ComplaintError(f"{path} does not hold an object; remove it to start afresh")
    return content


class HomeLock:
    """Held by the supervisor for as long as it lives; the kernel frees it however that ends.

    The file's text is the holder's pid, so that `segq down` finds a system that is still starting
    and never trusts a pid left by a crash: a pid counts only while the lock is held.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.lock_file
        self._descriptor: int | None = None

    def take(self) -> bool:
        """True when this process now owns the home; False when another one does."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(_LOOKS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        else:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def owner_of(home: Home) -> int | None:
    """The pid of the supervisor that owns this home now, or None."""
    try:
        descriptor = os.open(home.lock_file, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).decode().strip()
        return int(text) if text.isdigit() else None
    else:
        return None
    finally:
        os.close(descriptor)
