"""The images that calls made, as files that anyone can fetch for a while."""

import time
from collections import OrderedDict
from pathlib import Path
from uuid import uuid4

MOST_OUTPUTS = 20_000
SUFFIX = ".jpeg"


class Outputs:
    """The newest outputs, in a folder of the process. Names tell nothing of the calls.

    The index belongs to the event loop; files are written by any thread, before they are named.
    """

    def __init__(self, folder: Path, most: int = MOST_OUTPUTS) -> None:
        self._folder = folder
        self._folder.mkdir()
        self._most = most
        self._kept_at: OrderedDict[str, float] = OrderedDict()

    def written(self, image: bytes) -> str:
        """Write a file and return its name, by which it is not served yet. For any thread."""
        name = uuid4().hex
        self._file(name).write_bytes(image)
        return name

    def publish(self, name: str) -> None:
        """Serve ``name`` from now on; beyond the bound the oldest goes."""
        self._kept_at[name] = time.monotonic()
        while len(self._kept_at) > self._most:
            oldest, _ = self._kept_at.popitem(last=False)
            self._file(oldest).unlink()

    def get(self, name: str, seconds: float) -> bytes | None:
        """The image, None where there is none or it was published more than ``seconds`` ago."""
        kept_at = self._kept_at.get(name)
        if kept_at is None or time.monotonic() - kept_at > seconds:
            return None
        return self._file(name).read_bytes()

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"


def url_of(origin: str, name: str) -> str:
    """Where ``name`` is served on ``origin``."""
    return f"{origin}/outputs/{name}{SUFFIX}"
