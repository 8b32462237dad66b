"""What the provider's clock says: the ``Date`` of every answer, and when a rate limit resets."""

import math
import time
from datetime import UTC, datetime
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.service import Service
from sandbox.settings import Settings

RESET_HEADER = "x-rate-limit-reset-at-utc"


def date_text(settings: Settings) -> str:
    """The value of ``Date`` now."""
    return formatdate(time.time() + settings.clock_offset, usegmt=True)


def reset_headers(settings: Settings, resets_in: float, *, refused: bool) -> dict[str, str]:
    """The header that states a reset in ``resets_in`` seconds, if such an answer has one.

    ``refused``: it goes with a 429.
    """
    if settings.reset_header == "never" or (settings.reset_header == "on_429" and not refused):
        return {}
    ahead = resets_in + settings.clock_offset + settings.reset_offset
    return {RESET_HEADER: _written(settings.reset_format, time.time() + ahead)}


def _written(form: str, moment: float) -> str:
    # Always rounded up: whoever comes at the stated moment must be let in.
    milliseconds, seconds = math.ceil(moment * 1000), math.ceil(moment)
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    match form:
        case "epoch":
            return str(seconds)
        case "epoch_ms":
            return str(milliseconds)
        case "http_date":
            return formatdate(seconds, usegmt=True)
        case "iso_naive":
            return at.replace(tzinfo=None).isoformat(timespec="milliseconds")
        case _:
            return at.isoformat(timespec="milliseconds")


class Dated:
    """Gives every answer its ``Date``, in the server's place: the server's own cannot be wrong."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                if b"date" not in names:
                    date = (b"date", date_text(self._service.settings).encode())
                    message = {**message, "headers": [date, *message["headers"]]}
            await send(message)

        await self._app(scope, receive, dated)
