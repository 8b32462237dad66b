"""Whether the images' store is the database's: asked at the start, before anything is kept there.

A gateway starts without its database, to answer that it is not ready. Then it asks again until it
has been answered, and ends when the answer is no.
"""

import os
import signal

import anyio
import structlog

from db.artifact_identity import confirm_store
from db.artifacts import ArtifactStore
from db.engine import Database
from jobs.errors import InvalidSetting, Unavailable

log = structlog.get_logger()

_AGAIN_SECONDS = 1.0


class StoreCheck:
    """`refused`: the line that says why this process must not go on."""

    def __init__(self, database: Database, store: ArtifactStore) -> None:
        """Raises `InvalidSetting` for a store that is not the database's."""
        self._database = database
        self._store = store
        self.refused: InvalidSetting | None = None
        self._confirmed = self._confirm()

    def _confirm(self) -> bool:
        try:
            confirm_store(self._database, self._store)
        except Unavailable as error:
            log.warning("artifacts_not_confirmed", reason=str(error))
            return False
        return True

    async def run(self) -> None:
        """Until it is confirmed. A refusal ends the process as Ctrl-C does."""
        while not self._confirmed:
            await anyio.sleep(_AGAIN_SECONDS)
            try:
                self._confirmed = await anyio.to_thread.run_sync(
                    self._confirm, abandon_on_cancel=True
                )
            except InvalidSetting as error:
                self.refused = error
                os.kill(os.getpid(), signal.SIGINT)
                return
