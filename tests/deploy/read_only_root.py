"""Put into the built image as `sitecustomize`: what the container may not write, Python may not.

A container's root is read-only. Here that is held against every file that Python itself opens to
write, makes, moves or removes outside of WRITABLE_HERE; /dev is no file.
"""

import errno
import os
import sys
from typing import Any

_ALLOWED = tuple(filter(None, os.environ.get("WRITABLE_HERE", "").split(os.pathsep)))
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink"}


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if not flags & _WRITING:
            return
    elif event in _CHANGES:
        path = arguments[0]
    else:
        return
    if not isinstance(path, str | bytes):
        return  # a descriptor, which was opened before
    # Not resolved: that would open files, and be watched in turn.
    full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
    if not full.startswith(("/dev/", *_ALLOWED)):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), full)


sys.addaudithook(_watch)
