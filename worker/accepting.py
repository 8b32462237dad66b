"""A v2 request that Segmind has taken: its id is written down at once, and the ticket ends."""

import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from db import pending_requests
from db.artifacts import ArtifactStore
from db.crash_points import CrashPoint, reached
from db.requests import Accepted, RequestStore
from jobs.errors import Unavailable
from worker.retrying import retry_delays
from worker.together import Failed, Together

log = structlog.get_logger()

MOST_AT_ONCE = 100


class Acceptances:
    """Request ids that come together are one commit. SQL away: they are kept beside the images."""

    def __init__(self, requests: RequestStore, store: ArtifactStore) -> None:
        self._requests = requests
        self._store = store
        self._together = Together(self._write, MOST_AT_ONCE)

    def write(self, accepted: Accepted) -> None:
        """On return SQL has it, or, when the worker stops, the artifact store: the sweeper sees to it.

        Raises `Unavailable` when neither could take it before the worker had to stop.
        """
        kept: str | None = None
        for delay in retry_delays():
            try:
                self._together.do(accepted)
            except Unavailable as error:
                log.warning("settle_delayed", job=str(accepted.job_id), reason=str(error))
                kept = kept or self._keep(accepted)
                time.sleep(delay)
            else:
                reached(CrashPoint.WRITTEN)
                self._forget(kept)
                return
        if kept is None:
            self._together.do(accepted)

    def _keep(self, accepted: Accepted) -> str | None:
        try:
            return pending_requests.write(self._store, accepted)
        except OSError as error:
            log.error("keep_delayed", job=str(accepted.job_id), reason=str(error))  # noqa: TRY400
            return None

    def _forget(self, key: str | None) -> None:
        if key is not None:
            with suppress(OSError):  # the sweeper finds it, and that it is known
                self._store.remove(key)

    def _write(self, group: Sequence[Accepted]) -> Sequence[Failed | None]:
        self._requests.accepted(group)
        return [None] * len(group)
