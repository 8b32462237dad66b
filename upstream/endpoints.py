"""Where Segmind is reached."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from jobs.errors import InvalidSetting

SEGMIND_API = "https://api.segmind.com"
SETTING = "SEGMIND_BASE_URL"
_ALLOWED = "an http(s) origin such as https://api.segmind.com, with or without /v1"


@dataclass(frozen=True)
class Endpoints:
    """Origins (scheme, host, port) without a trailing slash."""

    api: str

    @classmethod
    def from_base_url(cls, base: str | None) -> "Endpoints":
        """None means the real service.

        Raises `InvalidSetting` for anything but an http(s) origin or its `/v1`: another path, a
        query or a user would be dropped silently, and calls would go elsewhere than was meant.
        """
        if base is None:
            return cls(api=SEGMIND_API)
        try:
            parts = urlsplit(base)
            port = parts.port
        except ValueError:
            raise InvalidSetting(SETTING, _without_user(base), _ALLOWED) from None
        wrong = (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or port == 0
            or "@" in parts.netloc
            or parts.path not in ("", "/", "/v1", "/v1/")
            or re.search(r"[\s?#\\]", base)
        )
        if wrong:
            raise InvalidSetting(SETTING, _without_user(base), _ALLOWED)
        return cls(api=f"{parts.scheme}://{parts.netloc}")


def _without_user(base: str) -> str:
    # What stands before an @ may be a password, and the error is printed.
    return re.sub(r"[^/]*@", "…@", base)
