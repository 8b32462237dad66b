"""Where the gateway is, the key that opens it, and who is told that key."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from segq_client.errors import SetupError, Unreachable
from segq_client.request import Request

NO_ANSWER = (httpx.HTTPError, httpx.InvalidURL)
"""What httpx raises where no whole answer came."""

_CONNECT = 5.0
# Below the usual 1,024 open files of a process: each waiting read holds a connection.
_MOST_CONNECTIONS = 500
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_URL = re.compile(r"https?://[^/?#@\s]+(/[^?#@\s]*)?")
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Gateway:
    """`url` ends with a slash. `patience` is in seconds, as `timeout` of the clients is."""

    url: str
    key: str = field(repr=False)
    patience: float

    def options(self) -> dict[str, Any]:
        """What both of httpx's clients are made with."""
        return {
            "timeout": self._timeout(0),
            "limits": httpx.Limits(max_connections=_MOST_CONNECTIONS),
            # A company's proxy cannot reach this machine's loopback.
            "trust_env": urlsplit(self.url).hostname not in _LOOPBACK,
        }

    def addressed(self, request: Request[Any]) -> dict[str, Any]:
        """What both of httpx's clients are asked with."""
        url = urljoin(self.url, request.path)
        # An output may lie on a storage host, which must not learn the key.
        ours = urlsplit(url)[:2] == urlsplit(self.url)[:2]
        own = {"Authorization": f"Bearer {self.key}"} if ours else {}
        return {
            "method": request.method,
            "url": url,
            "params": request.query or None,
            "content": request.body,
            "headers": {**own, **request.headers},
            "timeout": self._timeout(request.held),
        }

    def unreachable(self, request: Request[Any], error: Exception) -> Unreachable:
        """`error` is one of `NO_ANSWER`; most of httpx's timeouts say nothing but their names."""
        return Unreachable(
            f"{urljoin(self.url, request.path)}: {str(error) or type(error).__name__}"
        )

    def _timeout(self, held: int) -> httpx.Timeout:
        # Whoever waits for a free connection waits for others' answers, not for the gateway.
        connect = min(self.patience, _CONNECT)
        return httpx.Timeout(held + self.patience, connect=connect, pool=None)


def gateway_at(url: str, key: str, patience: float) -> Gateway:
    """Raises `SetupError` where that can be neither; the key is never shown."""
    if not _URL.fullmatch(url):
        # Shown no further: it may hold a password.
        raise SetupError("the URL must be where a gateway is, such as https://segq.example.org")
    if not _KEY.fullmatch(key):
        raise SetupError("the API key must be printable ASCII without spaces, such as segq_…")
    return Gateway(f"{url.rstrip('/')}/", key, patience)


def named_in(environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """URL and key as SEGQ_URL and SEGQ_API_KEY (or the file SEGQ_API_KEY_FILE) have them.

    Raises `SetupError` that names all that is missing.
    """
    url, key = environ.get("SEGQ_URL"), environ.get("SEGQ_API_KEY")
    file = environ.get("SEGQ_API_KEY_FILE")
    if not key and file:
        try:
            key = Path(file).read_text().strip()
        except (OSError, ValueError) as error:
            raise SetupError(f"SEGQ_API_KEY_FILE cannot be read: {error}") from error
    given = {"SEGQ_URL": url, "SEGQ_API_KEY": key}
    missing = [name for name, value in given.items() if not value]
    if not url or not key:
        one = len(missing) == 1
        raise SetupError(
            f"{' and '.join(missing)} {'is' if one else 'are'} not set: SEGQ_URL is where the "
            "gateway is, such as http://127.0.0.1:8100, and SEGQ_API_KEY the key that opens it; "
            "of a `segq up` both stand in .segq/run.json"
        )
    return url, key
