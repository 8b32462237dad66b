"""The client of Segmind's API."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from jobs.failures import Failure
from upstream import interpretation
from upstream.endpoints import Endpoints
from upstream.key import Key
from upstream.replies import Balance, Reply
from upstream.transport import Transport

USER_AGENT = "segq/0.1.0"
BALANCE_DEADLINE = 10.0
"""Seconds. The question is free and can be asked again."""


class Segmind:
    """One account's client, safe for use from many threads. Its repr does not show the key."""

    def __init__(
        self,
        key: str,
        endpoints: Endpoints,
        *,
        connections: int,
        deadline: float,
        proxy: str | None = None,
    ) -> None:
        """`connections`: as many as threads will call at once. `deadline`: seconds (above 0) for a
        whole call, from connecting to the last byte. `proxy`: an `http://` URL; the environment's
        proxies are never used.

        Raises `InvalidSetting` for a key that cannot stand in a header, or another kind of proxy.
        """
        self._key = Key(key)
        self._endpoints = endpoints
        self._deadline = deadline
        self._transport = Transport(connections=connections, proxy=proxy)

    def __repr__(self) -> str:
        return f"Segmind({self._endpoints.api})"

    def generate(
        self, model: str, inputs: Mapping[str, Any], *, may_send: Callable[[], bool]
    ) -> Reply:
        """One `POST /v1/{model}` with these inputs, value for value: one call that may be paid.

        `may_send` is asked once the connection stands, right before the first byte; on False
        nothing is written. Never raises for what the network or the provider does; raises
        `ValueError` or `TypeError`, before anything is sent, for inputs that have no JSON form.
        """
        body = json.dumps(
            dict(inputs), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
        request = self._request("POST", f"/v1/{quote(model, safe='')}", body)
        exchange = self._transport.exchange(request, deadline=self._deadline, may_send=may_send)
        return interpretation.reply(exchange, self._key)

    def balance(self) -> Balance | Failure:
        """What the account can spend; free of charge, within 10 s."""
        exchange = self._transport.exchange(
            self._request("GET", "/v1/get-user-credits"),
            deadline=min(self._deadline, BALANCE_DEADLINE),
            may_send=lambda: True,
        )
        return interpretation.balance(exchange, self._key)

    def close(self) -> None:
        """Closes idle connections. Calls under way in other threads end as they would have."""
        self._transport.close()

    def _request(self, method: str, path: str, body: bytes | None = None) -> PreparedRequest:
        # Filled by hand: preparing parses and quotes the same address again for every call.
        request = PreparedRequest()
        request.method = method
        request.url = f"{self._endpoints.api}{path}"
        request.body = body
        request.headers = CaseInsensitiveDict(
            {
                "x-api-key": self._key.reveal(),
                "Accept": "*/*",
                # The bytes that count against the limit are the bytes that come.
                "Accept-Encoding": "identity",
                "User-Agent": USER_AGENT,
            }
        )
        if body is not None:
            request.headers["Content-Type"] = "application/json"
            request.headers["Content-Length"] = str(len(body))
        return request
