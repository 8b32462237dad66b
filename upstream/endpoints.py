"""Where Segmind is reached, and where its outputs may be fetched."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from jobs.errors import InvalidSetting

SEGMIND_API = "https://api.segmind.com"
SEGMIND_HISTORY = "https://api.spotprod.segmind.com"
"""Another origin than the API's (segmind-api §4)."""
SEGMIND_IMAGES = "images.segmind.com"
SETTING = "SEGMIND_BASE_URL"
HISTORY_SETTING = "SEGMIND_HISTORY_URL"
IMAGES_SETTING = "SEGMIND_IMAGE_HOSTS"
_ALLOWED = "an http(s) origin such as https://api.segmind.com, with or without /v1"
_ALLOWED_HISTORY = f"an http(s) origin such as {SEGMIND_HISTORY}"
_ALLOWED_HOSTS = f"hosts such as {SEGMIND_IMAGES} or 127.0.0.1:8200, with commas between them"
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoints:
    """Origins (scheme, host, port) without a trailing slash, and hosts."""

    api: str
    history: str
    image_hosts: frozenset[str]
    """Each `host` (the scheme's own port) or `host:port`, in lower case; IPv6 in brackets."""

    @classmethod
    def from_base_url(
        cls, base: str | None, *, history_url: str | None = None, image_hosts: str | None = None
    ) -> "Endpoints":
        """`base`: None means the real service; of another, history and outputs are its own too.

        `history_url`: another origin for the history. `image_hosts`: the only hosts from which
        outputs are fetched, with commas between them.

        Raises `InvalidSetting` for anything but an http(s) origin, or the `/v1` of `base`: another
        path, a query or a user would be dropped silently, and calls would go elsewhere than was
        meant. Raises it too for what is no list of hosts.
        """
        api, history, hosts = SEGMIND_API, SEGMIND_HISTORY, frozenset({SEGMIND_IMAGES})
        if base is not None:
            api = history = _origin(SETTING, base, ("", "/", "/v1", "/v1/"), _ALLOWED)
            hosts = frozenset({urlsplit(api).netloc.lower()})
        if history_url is not None:
            history = _origin(HISTORY_SETTING, history_url, ("", "/"), _ALLOWED_HISTORY)
        if image_hosts is not None:
            hosts = frozenset(map(_host, image_hosts.split(",")))
        return cls(api=api, history=history, image_hosts=hosts)

    def serve_images(self, parts: SplitResult) -> bool:
        """Whether outputs are fetched from this http(s) URL's host.

        Raises `ValueError` for a port that is none.
        """
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        own = _DEFAULT_PORTS[parts.scheme]
        port = own if parts.port is None else parts.port
        return f"{host}:{port}" in self.image_hosts or (port == own and host in self.image_hosts)


def _origin(setting: str, text: str, paths: tuple[str, ...], allowed: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidSetting(setting, _without_user(text), allowed) from None
    wrong = (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or "@" in parts.netloc
        or parts.path not in paths
        or re.search(r"[\s?#\\]", text)
    )
    if wrong:
        raise InvalidSetting(setting, _without_user(text), allowed)
    return f"{parts.scheme}://{parts.netloc}"


def _host(text: str) -> str:
    host = text.strip().lower()
    match = _HOST.fullmatch(host)
    if match is None or not 0 < int(match[1] or 1) < 65_536:
        raise InvalidSetting(IMAGES_SETTING, _without_user(text), _ALLOWED_HOSTS)
    return host


def _without_user(base: str) -> str:
    # What stands before an @ may be a password, and the error is printed.
    return re.sub(r"[^/]*@", "…@", base)
