"""Carries out the steps of a flow under asyncio, and lets others go on meanwhile."""

import asyncio
from functools import partial
from typing import Any, TypeVar

import httpx

from segq_client.flow import Flow, Join, Pause, Step, Work
from segq_client.gateway import NO_ANSWER, Gateway
from segq_client.request import Answer, Request

T = TypeVar("T")


class AsyncDriver:
    """One connection pool, for one event loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._http = httpx.AsyncClient(**gateway.options())

    async def close(self) -> None:
        await self._http.aclose()

    async def do(self, flow: Flow[T]) -> T:
        """The flow's result; raises what it raises. A task that is cancelled ends its flow."""
        go_on = partial(next, flow)
        try:
            while True:
                step = go_on()
                try:
                    go_on = partial(flow.send, await self._carry_out(step))
                except Exception as error:  # noqa: BLE001 (the flow decides)
                    go_on = partial(flow.throw, error)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    async def _carry_out(self, step: Step) -> Any:
        match step:
            case Request():
                return await self._send(step)
            case Pause():
                return await asyncio.sleep(step.seconds)
            case Work():
                return await asyncio.to_thread(step.call)
            case Join():
                return await asyncio.wrap_future(step.other)

    async def _send(self, request: Request[Any]) -> Answer:
        try:
            response = await self._http.request(**self._gateway.addressed(request))
        except NO_ANSWER as error:
            raise self._gateway.unreachable(request, error) from error
        return Answer(response.status_code, response.headers, response.content)
