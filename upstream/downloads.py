"""The download of an output: which address may be asked, and what its answer brought."""

from urllib.parse import quote, urlsplit

from jobs.failures import Failure, FailureKind
from upstream import error_text, facts, failure_table, output_urls, unsuccessful
from upstream.endpoints import Endpoints
from upstream.images import Rejection, look_at
from upstream.key import Key
from upstream.replies import Image
from upstream.transport import Exchange

_GONE = (404, 410)
_TOO_MANY = 429
_PATH = "/%:@!$&'()*+,;=~"
_QUERY = f"{_PATH}?"


def address(url: str, endpoints: Endpoints, key: Key) -> str | Failure:
    """The URL put together anew, so that nobody reads another host in it than was looked at here.

    Or why it is not asked; what it is the output of is paid all the same.
    """
    reason = _refusal(url, endpoints)
    if reason:
        return Failure(FailureKind.RESULT_REJECTED, error_text.short(reason, key))
    parts = urlsplit(url)
    query = f"?{quote(parts.query, safe=_QUERY)}" if parts.query else ""
    path = quote(parts.path or "/", safe=_PATH)
    return f"{parts.scheme}://{parts.netloc.lower()}{path}{query}"


def _refusal(url: str, endpoints: Endpoints) -> str:
    if len(url) > output_urls.LONGEST or not url.isprintable() or " " in url or "\\" in url:
        return "the output's address is no URL"
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return "the output's address is no http(s) URL"
        if "@" in parts.netloc:
            return "the output's address names a user"
        # Only ASCII: a letter of another script may be one of a host's in lower case.
        if parts.netloc.isascii() and endpoints.serve_images(parts):
            return ""
    except ValueError:
        return "the output's address is no URL"
    return f"outputs are not fetched from {parts.netloc} (SEGMIND_IMAGE_HOSTS)"


def image(exchange: Exchange, key: Key) -> Image | Failure:
    """What a download brought. No key was sent: a refusal says nothing about the account."""
    answer = exchange.answer
    if answer is None:
        return unsuccessful.unanswered(exchange, key)
    if answer.status // 100 == 2:
        if answer.trouble:
            return unsuccessful.cut_short(answer, key)
        found = look_at(answer.body)
        if not isinstance(found, Rejection):
            return found
        return unsuccessful.rejected(found, f"the output is no image: {found.reason}", answer, key)
    if answer.status in _GONE:
        words = "the output is gone; Segmind keeps outputs for 7 days"
    elif answer.status == _TOO_MANY or not 300 <= answer.status < 500:
        return unsuccessful.refused(answer, facts.read(answer.headers, key), exchange, key)
    else:
        said = error_text.of(answer.body, key) or failure_table.meaning(answer.status)
        words = error_text.short(f"the output cannot be fetched: {said}", key)
    return Failure(FailureKind.RESULT_REJECTED, words, answer.status)
