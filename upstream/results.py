"""The images in the body of a 2xx, by what it is, never by what was asked for (segmind-api §1)."""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from upstream import error_text, multipart
from upstream.images import Rejection, look_at
from upstream.key import Key
from upstream.replies import Image

MOST_IMAGES = 16
"""Four times what a call can ask for; each is decoded, so their number must have a bound."""
_UNSTATED = ("", "application/octet-stream", "binary/octet-stream")
"""A body whose type nobody stated is looked at: it may be the image that was paid for."""

Found = tuple[Image, ...] | Rejection


def read(content_type: str, body: bytes, key: Key) -> tuple[Found, str]:
    """The images or why there are none, and the form of the answer. Never raises."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("image/") or kind in _UNSTATED:
        return _named(_all([body]), kind, body, key), "raw"
    if kind.startswith("multipart/"):
        return _named(_from_multipart(content_type, body), kind, body, key), "multipart"
    if kind == "application/json" or kind.endswith("+json"):
        found, form = _from_json(body, key)
        return _named(found, kind, b"", key), form
    return _named(Rejection("not an image"), kind, body, key), ""


def _named(found: Found, kind: str, body: bytes, key: Key) -> Found:
    """A rejection says what came; a page or a JSON error under a wrong label is quoted."""
    if not isinstance(found, Rejection):
        return found
    reason = f"the answer is {kind or 'of no stated type'}, {found.reason}"
    if body.lstrip()[:1] in (b"{", b"<") or kind.startswith("text/"):
        return Rejection(f"{reason}: {error_text.of(body, key)}")
    return Rejection(reason, found.incomplete)


def _from_json(body: bytes, key: Key) -> tuple[Found, str]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return Rejection("but it cannot be read as JSON", incomplete=True), "json"
    if isinstance(value, dict):
        held = value.get("image") or value.get("images")
        if not held:
            error = error_text.of(body, key)
            return Rejection(f"without an image: {error}"), "json"
        value = held
    if isinstance(value, str):
        return _from_texts([value]), "json"
    return _from_texts(value), "json-list"


def _from_texts(values: Any) -> Found:
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        return Rejection("but its image is neither text nor a list of texts")
    if len(values) > MOST_IMAGES:
        return Rejection(f"with {len(values)} images, more than {MOST_IMAGES}")
    decoded = []
    for text in values:
        if text.startswith(("http://", "https://")):
            return Rejection("with an address in the place of an image")
        try:
            decoded.append(_from_base64(text))
        except (binascii.Error, ValueError):
            return Rejection("but its image is not base64")
    return _all(decoded)


def _from_base64(text: str) -> bytes:
    """Bare base64 or a `data:` URI, with or without padding and line breaks."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    packed = "".join(text.split())
    return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)


def _from_multipart(content_type: str, body: bytes) -> Found:
    boundary = multipart.boundary_of(content_type)
    if boundary is None:
        return Rejection("but it names no boundary")
    parts = multipart.split(body, boundary)
    if parts is None:
        return Rejection("but its end is missing", incomplete=True)
    return _all([one.data for one in parts if one.content_type.startswith("image/")])


def _all(pieces: list[bytes]) -> Found:
    """Every image, or the first reason: a job that got half of what it paid for is not done."""
    if not pieces:
        return Rejection("with no image in it")
    if len(pieces) > MOST_IMAGES:
        return Rejection(f"with {len(pieces)} images, more than {MOST_IMAGES}")
    return _unless_rejected(look_at(piece) for piece in pieces)


def _unless_rejected(looks: Iterable[Image | Rejection]) -> Found:
    images = []
    for look in looks:
        if isinstance(look, Rejection):
            return Rejection(f"but {look.reason}", look.incomplete)
        images.append(look)
    return tuple(images)
