"""The images in the body of a 2xx, by what it is (segmind-api §1).

Neither what was asked for nor the label decides: the call is paid, and a server that calls an image
`text/html` has made it all the same. What begins like an image, like JSON or with a boundary is
taken for that; the label says what was meant where nothing is known.
"""

import base64
import json
import re
import threading
from contextlib import suppress
from typing import Any

from upstream import error_text, multipart
from upstream.images import Rejection, look_at
from upstream.key import Key
from upstream.replies import Image

MOST_IMAGES = 16
"""Four times what a call can ask for; each is decoded, so their number must have a bound."""
MOST_VALUES = 100_000
"""In a JSON body. Each is an object of its own, twenty times as large as its text."""
UNPACKED_AT_ONCE = 2
"""In one process. A body, its text, the value in it and the bytes in that are held together: beside
the body three times its size, five times when it has a character beyond the first 65,536."""
_unpackers = threading.BoundedSemaphore(UNPACKED_AT_ONCE)

_UNSTATED = ("", "application/octet-stream", "binary/octet-stream")
_BEGINS_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*[\[{"]')
_BASE64 = re.compile(rb"data:image/.*|[A-Za-z0-9+/=\s]{32,}", re.DOTALL)

Found = tuple[Image, ...] | Rejection


def read(content_type: str, body: bytes, key: Key) -> tuple[Found, str]:
    """The images or why there are none, and the form of the answer. Never raises.

    Waits while `UNPACKED_AT_ONCE` others are read.
    """
    kind = content_type.partition(";")[0].strip().lower()
    with _unpackers:
        found, form = _read(kind, content_type, body, key)
    return (_named(found, kind, body, key) if isinstance(found, Rejection) else found), form


def _read(kind: str, content_type: str, body: bytes, key: Key) -> tuple[Found, str]:
    look = _look(body)
    if isinstance(look, Image) or look.recognized:
        return _all([look]), "raw"
    if _BEGINS_JSON.match(body):
        return _from_json(body, key)
    boundary = multipart.boundary_in(body, content_type)
    if boundary is not None:
        return _from_multipart(body, boundary), "multipart"
    # Nothing that is known: the label says at least what was meant.
    if kind == "application/json" or kind.endswith("+json"):
        return _from_json(body, key)
    if kind.startswith("multipart/"):
        return Rejection("but there is no boundary in it", incomplete=True), "multipart"
    if kind.startswith("image/") or kind in _UNSTATED:
        return _all([look]), "raw"
    return Rejection("not an image"), ""


def _named(found: Rejection, kind: str, body: bytes, key: Key) -> Rejection:
    """Says what came; a page or words under a wrong label are quoted."""
    reason = f"the answer is {kind or 'of no stated type'}, {found.reason}"
    page = not _BEGINS_JSON.match(body) and (kind.startswith("text/") or body.lstrip()[:1] == b"<")
    return Rejection(f"{reason}: {error_text.of(body, key)}" if page else reason, found.incomplete)


def _from_json(body: bytes, key: Key) -> tuple[Found, str]:
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        return Rejection(f"with more than {MOST_VALUES:,} values in it"), "json"
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return Rejection("but it cannot be read as JSON", incomplete=True), "json"
    if not isinstance(value, dict):
        return _from_value(value)
    if value.get("error"):
        # An image beside it is as likely the input's echo as a result.
        return Rejection(f"with an error: {error_text.of(body, key)}"), "json"
    # `images` first: an `image` beside it would be the first of them.
    held = [value[name] for name in ("images", "image") if value.get(name)]
    if not held:
        return Rejection(f"without an image: {error_text.of(body, key)}"), "json"
    tried = map(_from_value, held)
    last = next(tried)
    return next(tried, last) if isinstance(last[0], Rejection) else last


def _from_value(value: Any) -> tuple[Found, str]:
    if isinstance(value, str):
        return _from_texts([value]), "json"
    return _from_texts(value), "json-list"


def _from_texts(values: Any) -> Found:
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        return Rejection("but its image is neither text nor a list of texts")
    if len(values) > MOST_IMAGES:
        return Rejection(f"with {len(values)} images, more than {MOST_IMAGES}")
    looks = []
    for text in values:
        if text.startswith(("http://", "https://")):
            return Rejection("with an address in the place of an image")
        try:
            looks.append(look_at(_from_base64(text.encode("ascii"))))
        except ValueError:
            return Rejection("but its image is not base64")
    return _all(looks)


def _from_base64(text: bytes) -> bytes:
    """Bare base64 or a `data:` URI, with or without padding and line breaks."""
    if text.startswith(b"data:"):
        text = text.partition(b",")[2]
    # Not `split` and `join`: of text with a blank at every other place they make millions of texts.
    packed = text.translate(None, b" \t\r\n\f\v")
    return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)


def _from_multipart(body: bytes, boundary: str) -> Found:
    parts = multipart.split(body, boundary)
    if parts is None:
        return Rejection("but its end is missing", incomplete=True)
    if len(parts) > multipart.MOST_PARTS:
        return Rejection(f"with more than {multipart.MOST_PARTS} parts")
    looks: list[Image | Rejection] = []
    for part in parts:
        look = _look(part.data)
        # What is neither called an image nor looks like one is what came along with the images.
        if isinstance(look, Image) or look.recognized or part.content_type.startswith("image/"):
            looks.append(look)
            if len(looks) > MOST_IMAGES:
                return Rejection(f"with more than {MOST_IMAGES} images")
    return _all(looks)


def _look(data: bytes) -> Image | Rejection:
    """The image that the bytes are, or whose base64 they are."""
    look = look_at(data)
    if isinstance(look, Rejection) and not look.recognized and _BASE64.fullmatch(data):
        with suppress(ValueError):
            unpacked = look_at(_from_base64(data))
            if isinstance(unpacked, Image) or unpacked.recognized:
                return unpacked
    return look


def _all(looks: list[Image | Rejection]) -> Found:
    """Every image, or the first reason: a job that got half of what it paid for is not done."""
    if not looks:
        return Rejection("with no image in it")
    images = []
    for look in looks:
        if isinstance(look, Rejection):
            return Rejection(f"but {look.reason}", look.incomplete)
        images.append(look)
    return tuple(images)
