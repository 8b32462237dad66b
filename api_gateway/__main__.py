"""`python -m api_gateway`: one process that serves the API until SIGTERM or Ctrl-C."""

import os
import signal
import socket
import sys

import structlog
import uvicorn
from fastapi import FastAPI

from api_gateway import request_bounds
from api_gateway.app import create_app
from api_gateway.parts import parts_of_app
from api_gateway.settings import Settings
from jobs.errors import InvalidSetting
from logs.refusal import refuse
from logs.starting import tell_start
from logs.stream import UnusableFormatError, configure

log = structlog.get_logger()

# Requests that are under way get this long; a supervisor that kills after 5 s must not cut them.
_SHUTDOWN_SECONDS = 4
# Longer than clients keep idle connections: a server that closes first breaks the request which a
# client is sending on that connection at the same moment.
_KEEP_ALIVE_SECONDS = 75


class _Server(uvicorn.Server):
    """Ends the long-polls first: uvicorn would wait for them to end by themselves."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, settings: Settings) -> None:
        super().__init__(config)
        self._app = app
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            tell_start(self._settings)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping")
        parts_of_app(self._app).hints.close()
        await super().shutdown(sockets)
        log.info("stopped")


def main() -> int:
    """Exit status 2 for settings that cannot be used, 1 when the port cannot be."""
    try:
        configure("gateway")
        settings = Settings.from_environment(os.environ)
        app = create_app(settings)
    except (InvalidSetting, UnusableFormatError) as error:
        return refuse(error)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=request_bounds.protocol(settings.body_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    server = _Server(config, app, settings)
    # uvicorn sends itself the signal once more when all is done; who was told to end and did so has
    # not failed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.run()
    except KeyboardInterrupt:
        refused = parts_of_app(app).store_check.refused
        return refuse(refused) if refused else 0
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
