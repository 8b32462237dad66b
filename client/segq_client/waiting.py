"""Looking at a job until it is settled, through restarts of the gateway."""

import math
import time
from collections.abc import Callable

from segq_client import calls
from segq_client.calls import Look
from segq_client.errors import SegqError, StillWaitingError
from segq_client.flow import Flow, Pause
from segq_client.job import Job
from segq_client.retrying import Retrying, once

LONGEST_READ = 60
"""Seconds after which the gateway answers a waiting read at the latest."""
USUAL_PATIENCE = 1800.0
"""Seconds, where nothing else was asked for."""


class Watch:
    """Tells a job each time that it has changed.

    The gateway holds each read back until the job is settled or `every` seconds are over (whole, 1
    to 60): so late is any other change told. What has not changed costs no body.
    """

    def __init__(
        self,
        job_id: str,
        timeout: float | None,
        retrying: Retrying,
        *,
        every: float = LONGEST_READ,
        at_once: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` in seconds, None: no end. `at_once`: the first read is not held back."""
        self._job_id = job_id
        self._timeout = math.inf if timeout is None else timeout
        self._ends_at = clock() + self._timeout
        self._every = max(1, int(min(every, LONGEST_READ)))
        self._held = 0 if at_once else self._every
        self._retrying = retrying
        self._clock = clock
        self._etag: str | None = None
        self._job: Job | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job was settled when it was told last."""
        return self._job is not None and self._job.is_settled

    def settled(self) -> Flow[Job]:
        """The job once it is settled; raises as `changed`."""
        while True:
            job = yield from self.changed()
            if job.is_settled:
                return job

    def changed(self) -> Flow[Job]:
        """The job as soon as it is another than it was told last; the first time, as it is.

        Raises `StillWaitingError` when the time is up, or why the last look of all failed.
        """
        while True:
            left = self._ends_at - self._clock()
            if self._job is not None and left < 1:
                if left <= 0:
                    raise StillWaitingError(self._job, self._timeout)
                # The gateway waits in whole seconds.
                yield Pause(min(left, 0.1))
            look = yield from self._look(left)
            if look is not None and look.job is not None:
                self._etag, self._job = look.etag, look.job
                return look.job

    def _look(self, left: float) -> Flow[Look | None]:
        """None: it failed in a way that passes."""
        wait = int(max(0.0, min(left, self._held)))
        try:
            look = yield from once(calls.look(self._job_id, wait, self._etag))
        except SegqError as error:
            if error.repeat_after is None or left <= 0:
                raise
            yield Pause(min(self._retrying.pause(error.repeat_after), left))
            return None
        self._held = self._every
        return look
