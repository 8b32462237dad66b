"""One HTTP exchange with requests, used safely: no redirect, no retry, no environment, an end.

`Session` is left out: it costs twice the processor time of the adapter under it, and what it adds
(cookies, redirects, proxies and passwords from the environment) must not happen to a paid call.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from jobs.errors import InvalidSetting
from upstream.call import Call, under_way
from upstream.connections import POOLS
from upstream.trouble import describe
from upstream.watchdog import Watchdog

CONNECT_TIMEOUT = 10.0
"""Seconds. Nothing has been sent by then, so giving up early costs nothing."""
LARGEST_BODY = 64 * 2**20
"""Four images of 12 MB each as base64 fit; a server that never stops must not fill the memory.

The worst case of a process is one such body for each slot that reads or keeps an answer: a body is
held once, in a buffer that grows by an eighth, and what is made of it is bounded apart from the
number of slots (`results.UNPACKED_AT_ONCE`, `images.DECODED_AT_ONCE`). A slot whose body is whole
lets go of it when the images are kept, so that raw images are never held twice.
"""
LARGEST_ERROR = 64 * 2**10
_PIECE = 2**16


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` is case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    trouble: str = ""
    """Why the body is not whole; empty when it is."""
    too_large: bool = False
    """The body was given up at the limit. Only then is `trouble` no loss of the connection."""
    framed: bool = True
    """Whether a length or chunks show that the body is whole; otherwise its end is just a close."""


@dataclass(frozen=True)
class Exchange:
    """`answer` is None when no status line came; `trouble` then says why."""

    answer: Answer | None
    trouble: str
    sent_at: datetime | None
    sent_monotonic: float | None
    arrived_at: datetime


class Transport:
    """Keeps up to `connections` connections. Safe for use from many threads."""

    def __init__(
        self, *, connections: int, proxy: str | None = None, verify: bool | str = True
    ) -> None:
        """`proxy`: an `http://` URL, or None for no proxy whatever the environment says.

        `verify`: True for the bundled authorities, or the path of a file with others.
        Raises `InvalidSetting` for another kind of proxy.
        """
        if proxy is not None and not proxy.startswith("http://"):
            scheme = urlsplit(proxy).scheme
            raise InvalidSetting("SEGMIND_PROXY", f"{scheme}://…", "an http:// URL")
        self._adapter = _Adapter(pool_maxsize=connections)
        self._verify = verify
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._watchdog = Watchdog()

    def exchange(
        self,
        request: PreparedRequest,
        *,
        deadline: float,
        may_send: Callable[[], bool],
        largest: int | None = None,
    ) -> Exchange:
        """Send once, unless `may_send` says no, and read the answer.

        `largest`: the most bytes of a body, whatever the status; None for the module's own bounds.
        Within `deadline` seconds, except that resolving a name is the system's business. Never
        raises for anything that the network or the server does.
        """
        call = Call(deadline, may_send)
        self._watchdog.watch(call)
        answer, trouble = None, ""
        with under_way(call):
            try:
                answer = self._answer(request, call, largest)
            except Exception as error:  # noqa: BLE001  # a paid call must not end in a traceback
                trouble = describe(error, call)
        return Exchange(
            answer=answer,
            trouble=trouble,
            sent_at=call.sent_at,
            sent_monotonic=call.sent_monotonic,
            arrived_at=datetime.now(UTC),
        )

    def close(self) -> None:
        """Closes idle connections; calls under way end as they would have."""
        self._adapter.close()
        self._watchdog.close()

    def _answer(self, request: PreparedRequest, call: Call, largest: int | None) -> Answer:
        response = self._adapter.send(
            request,
            stream=True,
            timeout=(min(CONNECT_TIMEOUT, call.seconds), call.seconds),
            verify=self._verify,
            proxies=self._proxies,
        )
        try:
            return _read(response.status_code, response.raw, call, largest)
        finally:
            response.close()


def _read(status: int, raw: Any, call: Call, largest: int | None) -> Answer:
    successful = status // 100 == 2
    limit = largest or (LARGEST_BODY if successful else LARGEST_ERROR)
    told = raw.length_remaining
    trouble, too_large = "", False
    # A list of pieces and their join would hold the body twice; this hands over its own buffer.
    body = io.BytesIO()
    if successful and told is not None and told > limit:
        # Refused by its own word, before it takes up the line. An error's words stand at its start.
        trouble, too_large = _too_large(limit), True
    try:
        while not too_large and (piece := raw.read(_PIECE, decode_content=True)):
            body.write(piece)
            if body.tell() > limit:
                trouble, too_large = _too_large(limit), True
    except Exception as error:  # noqa: BLE001  # the status and the headers are known: keep them
        length = raw.headers.get("content-length")
        of_length = f" of {length}" if length else ""
        trouble = f"{describe(error, call)}, after {raw.tell()}{of_length} bytes"
    if call.expired and not trouble:
        # Cutting the socket looks like the end of a body that has no length.
        trouble = f"no whole answer within {call.seconds:g} s, after {body.tell()} bytes"
    return Answer(
        status=status,
        headers=raw.headers,
        body=body.getvalue(),
        trouble=trouble,
        too_large=too_large,
        framed=told is not None or raw.chunked,
    )


def _too_large(limit: int) -> str:
    return f"the body is larger than {limit:,} bytes"


class _Adapter(HTTPAdapter):
    """requests' adapter with connections of our own and without cookies."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        # The original also reads cookies, which nobody here may send back.
        response = Response()
        response.status_code = resp.status
        response.raw = resp
        response.request = req
        return response
