"""The answer to a call that met a fault."""

import time
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.account import Account
from sandbox.breaking import Breaking, Written, carry_out, needs_answer
from sandbox.effects import Effect, Endless, Fails, Status
from sandbox.ledger import Row
from sandbox.provider_clock import date_text, reset_headers
from sandbox.replacing import Replacing, image_answer, status_answer
from sandbox.service import Service
from sandbox.wire import Wire, WireEndedError


class FaultyAnswer(Response):
    """Carries out ``effect`` where the true answer would have gone, and notes it in the row.

    ``true_answer`` is asked only where some of it may be sent. Where nothing is generated there is
    no row, and where no key is needed no ``account``.
    """

    def __init__(
        self,
        service: Service,
        account: Account | None,
        effect: Effect,
        true_answer: Callable[[], Awaitable[Response]],
        row: Row | None = None,
    ) -> None:
        super().__init__()
        self._service = service
        self._account = account
        self._effect = effect
        self._true_answer = true_answer
        self._row = row

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as far as the effect has it."""
        try:
            if isinstance(self._effect, Breaking):
                await self._broken(self._effect, scope)
            else:
                answer = await self._replaced(self._effect)
                # First the row: whoever has the answer must find it there.
                self._answered(answer.status_code)
                self._finished()
                await answer(scope, receive, send)
        finally:
            self._finished()

    async def _replaced(self, effect: Replacing | Fails) -> Response:
        if isinstance(effect, Status):
            settings = self._service.settings
            resets_in = settings.window_seconds
            if self._account is not None:
                resets_in = self._account.resets_in(settings.rpm)
            return status_answer(effect, reset_headers(settings, resets_in, refused=True))
        answer = await self._true_answer()
        if isinstance(effect, Fails):
            return answer  # what failed is in it already
        return await self._service.paint(image_answer, effect, answer)

    async def _broken(self, effect: Breaking, scope: Scope) -> None:
        answer = await self._true_answer() if needs_answer(effect) else Response()
        if isinstance(effect, Endless):
            del answer.headers["content-length"]
            answer.headers["content-type"] = effect.content_type
            answer.headers["transfer-encoding"] = "chunked"
        written = Written(answer, date_text(self._service.settings))

        def begun() -> None:
            self._answered(answer.status_code)

        wires = self._service.wires
        try:
            async with Wire(scope, wires, begun) as wire:
                await carry_out(effect, written, wire)
        except WireEndedError:
            if self._row is not None and not wires.stopping:
                self._row.client_gone = True

    def _answered(self, status: int) -> None:
        if self._row is not None:
            self._row.status = status

    def _finished(self) -> None:
        # A call that ran has its end already, the moment of the charge, or will have it.
        row = self._row
        if row is not None and row.finished_at is None and row.state != "pending":
            row.finished_at = time.time()
