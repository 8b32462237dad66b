"""A URL as it may be shown: without what may be secret."""

from urllib.parse import urlsplit


def shown_url(url: str) -> str:
    """Scheme, host, port and path. User, password and query (it may hold either) are left out."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
