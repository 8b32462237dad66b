"""The client of Segmind's API."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from jobs.failures import Failure
from upstream import downloads, history, interpretation, records
from upstream.endpoints import Endpoints
from upstream.history import HistoryPass
from upstream.key import Key
from upstream.replies import Balance, HistoryRow, Image, Record, Reply, Submission
from upstream.transport import Exchange, Transport

USER_AGENT = "segq/0.1.0"
BALANCE_DEADLINE = 10.0
"""Seconds. The question is free and can be asked again."""
RECORD_DEADLINE = 10.0
"""Seconds. As free; one that hangs must not hold up those for all other requests under way."""
HISTORY_DEADLINE = 60.0
"""Seconds for a page, which may hold a hundred input images."""
DOWNLOAD_DEADLINE = 60.0
"""Seconds. The largest output in that time is a line of 9 Mbit/s."""
_HISTORY = "/inference-request/request-history"


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
        download_deadline: float = DOWNLOAD_DEADLINE,
    ) -> None:
        """`connections`: as many as threads will call at once. `deadline`: seconds (above 0) for a
        whole call, from connecting to the last byte. `proxy`: an `http://` URL; the environment's
        proxies are never used. `download_deadline`: seconds for the whole download of an output.

        Raises `InvalidSetting` for a key that cannot stand in a header, or another kind of proxy.
        """
        self._key = Key(key)
        self._endpoints = endpoints
        self._deadline = deadline
        self._download_deadline = download_deadline
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
        exchange = self._post(f"/v1/{quote(model, safe='')}", inputs, may_send)
        return interpretation.reply(exchange, self._key)

    def submit(
        self, model: str, inputs: Mapping[str, Any], *, may_send: Callable[[], bool]
    ) -> Submission:
        """One `POST /v2/{model}` with these inputs: one request that may be paid.

        Accepted under a request id, by which `record` tells for an hour what became of it. All else
        as with `generate`.
        """
        path = f"/v2/{quote(model, safe='')}"
        exchange = self._post(path, inputs, may_send, largest=records.LARGEST)
        return records.submission(exchange, self._key)

    def record(self, request_id: str, *, whole: bool) -> Record | Failure:
        """What became of a v2 request; `whole`: with its outputs. Free of charge, within 10 s.

        A `Failure` is one of the question, and says nothing of the request but that, of the kind
        `RECORD_EXPIRED`, it can no longer be asked about. It may be asked again.
        """
        path = f"/v2/requests/{quote(request_id, safe='')}{'' if whole else '/status'}"
        url = f"{self._endpoints.api}{path}"
        exchange = self._get(url, RECORD_DEADLINE, largest=records.LARGEST)
        return records.record(exchange, self._key, whole=whole)

    def history(self, model: str | None, first: date, last: date) -> HistoryPass:
        """The rows of all requests made from the first to the last day (UTC, both counted).

        Oldest first, one row per output, as they stand; of one model alone where it is given. Each
        page is asked for when it is needed, within 60 s. Raises `ValueError` for more than 31 days;
        the iteration raises `HistoryUnread` where it comes to no end, and one that does proves
        nothing.
        """
        return HistoryPass(self._history_page, self._key, model, first, last)

    def history_row(self, request_id: str) -> HistoryRow | Failure | None:
        """One request of any age, its first output's row; None where the history lacks it, as it
        lacks a teammate's. Within 60 s.
        """
        url = f"{self._endpoints.history}{_HISTORY}/{quote(request_id, safe='')}"
        return history.one(self._get(url, HISTORY_DEADLINE), self._key, request_id)

    def download(self, url: str) -> Image | Failure:
        """An output from one of the hosts that serve them, of at most 64 MiB; the key stays here.

        A `Failure` of the kind `RESULT_REJECTED` is final; after another it may be tried again.
        """
        address = downloads.address(url, self._endpoints, self._key)
        if isinstance(address, Failure):
            return address
        request = _prepared("GET", address, _headers())
        exchange = self._transport.exchange(
            request, deadline=self._download_deadline, may_send=lambda: True
        )
        return downloads.image(exchange, self._key)

    def balance(self) -> Balance | Failure:
        """What the account can spend; free of charge, within 10 s."""
        url = f"{self._endpoints.api}/v1/get-user-credits"
        return interpretation.balance(self._get(url, BALANCE_DEADLINE), self._key)

    def close(self) -> None:
        """Closes idle connections. Calls under way in other threads end as they would have."""
        self._transport.close()

    def _history_page(self, query: Mapping[str, str]) -> Exchange:
        url = f"{self._endpoints.history}{_HISTORY}?{urlencode(query)}"
        return self._get(url, HISTORY_DEADLINE)

    def _post(
        self,
        path: str,
        inputs: Mapping[str, Any],
        may_send: Callable[[], bool],
        largest: int | None = None,
    ) -> Exchange:
        body = json.dumps(
            dict(inputs), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
        headers = _headers(self._key)
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = str(len(body))
        request = _prepared("POST", f"{self._endpoints.api}{path}", headers, body)
        return self._transport.exchange(
            request, deadline=self._deadline, may_send=may_send, largest=largest
        )

    def _get(self, url: str, deadline: float, largest: int | None = None) -> Exchange:
        """Within the client's own deadline too."""
        return self._transport.exchange(
            _prepared("GET", url, _headers(self._key)),
            deadline=min(self._deadline, deadline),
            may_send=lambda: True,
            largest=largest,
        )


def _headers(key: Key | None = None) -> CaseInsensitiveDict[str]:
    headers = {
        "Accept": "*/*",
        # The bytes that count against the limit are the bytes that come.
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
    }
    if key is not None:
        headers["x-api-key"] = key.reveal()
    return CaseInsensitiveDict(headers)


def _prepared(
    method: str, url: str, headers: CaseInsensitiveDict[str], body: bytes | None = None
) -> PreparedRequest:
    # Filled by hand: preparing parses and quotes the same address again for every call.
    request = PreparedRequest()
    request.method = method
    request.url = url
    request.headers = headers
    request.body = body
    return request
