"""Wakes a sleeping thread once; an Event would cost four locks instead of one."""

from threading import Lock


class Baton:
    """For one sleeper and one waker: each `pass_on` ends one `wait`, whichever comes first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def wait(self) -> None:
        self._lock.acquire()

    def pass_on(self) -> None:
        self._lock.release()
