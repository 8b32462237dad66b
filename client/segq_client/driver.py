"""Carries out the steps of a flow, and blocks while it does."""

import time
from functools import partial
from typing import Any, TypeVar

import httpx

from segq_client.flow import Flow, Join, Pause, Step, Work
from segq_client.gateway import NO_ANSWER, Gateway
from segq_client.request import Answer, Request

T = TypeVar("T")


class Driver:
    """One connection pool. Several threads may use it at once."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._http = httpx.Client(**gateway.options())

    def close(self) -> None:
        self._http.close()

    def do(self, flow: Flow[T]) -> T:
        """The flow's result; raises what it raises."""
        go_on = partial(next, flow)
        try:
            while True:
                step = go_on()
                try:
                    go_on = partial(flow.send, self._carry_out(step))
                except Exception as error:  # noqa: BLE001 (the flow decides)
                    go_on = partial(flow.throw, error)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _carry_out(self, step: Step) -> Any:
        match step:
            case Request():
                return self._send(step)
            case Pause():
                return time.sleep(step.seconds)
            case Work():
                return step.call()
            case Join():
                return step.other.result()

    def _send(self, request: Request[Any]) -> Answer:
        try:
            response = self._http.request(**self._gateway.addressed(request))
        except NO_ANSWER as error:
            raise self._gateway.unreachable(request, error) from error
        return Answer(response.status_code, response.headers, response.content)
