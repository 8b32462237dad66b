"""Runs the application under uvicorn: one announced line, and a stop that loses no v1 call."""

import resource
import signal
import socket
import sys

import uvicorn
from PIL import Image

from sandbox.app import application
from sandbox.service import Service
from sandbox.wire import ReachableProtocol

LAST_CALLS_SECONDS = 10
"""How long a SIGTERM waits for calls whose clients wait. v2 requests under way are cut."""

IDLE_CONNECTION_SECONDS = 75
"""As usual gateways do. A short value would make the server close just as a client sends again,
and every such reset is a doubt about money."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Before the wait for the calls that are running: a fault may hang for ever.
        self._service.wires.stop()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"sandbox listening on http://{shown}:{port}\n")
            sys.stdout.flush()


def run(service: Service, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean stop, 1 if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        sys.stderr.write(f"sandbox: cannot listen on {host}:{port}: {error}\n")
        service.close()
        return 1
    _allow_many_connections()
    # Our own bound is checked from the header, before any pixel is decoded; Pillow's would only
    # warn. Set here and not on import: it holds for the whole process.
    Image.MAX_IMAGE_PIXELS = None
    # uvicorn raises the signal again when it has stopped; under Python's own handlers the process
    # would then die of it (-15) instead of ending with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        application(service),
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,  # the application's: its clock can be wrong
        http=ReachableProtocol,
        timeout_keep_alive=IDLE_CONNECTION_SECONDS,
        timeout_graceful_shutdown=LAST_CALLS_SECONDS,
    )
    with listener:
        _Server(config, service).run(sockets=[listener])
    service.close()
    return 0


def _allow_many_connections() -> None:
    # The usual soft limit of 1,024 files is less than a thousand calls at once need.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
