"""Faults that HTTP has a form for: another answer, whole and in order."""

import html
from http import HTTPStatus

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from sandbox.effects import BODILESS, Bomb, ContentType, Garbage, Status
from sandbox.uncharged import uncharged_jpeg
from sandbox.wrong_images import bomb, garbage

Replacing = Status | ContentType | Bomb | Garbage
"""The effects that this module carries out."""


def status_answer(effect: Status, reset: dict[str, str]) -> Response:
    """What ``effect`` describes; ``reset`` is the header that a 429 states its reset with."""
    answer = _with_body(effect)
    more = {**(reset if effect.status == 429 else {}), **effect.headers}
    for name, value in more.items():
        answer.headers[name] = value
    return answer


def image_answer(effect: ContentType | Bomb | Garbage, answer: Response) -> Response:
    """``answer`` spoiled. For a thread: it may draw."""
    match effect:
        case ContentType():
            del answer.headers["content-type"]
            if effect.value is not None:
                answer.headers["content-type"] = effect.value
            return answer
        case Bomb():
            return _instead(answer, bomb(), "image/png")
        case Garbage(cut=True):
            raw = answer.media_type == "image/jpeg"
            jpeg = bytes(answer.body) if raw else uncharged_jpeg()
            return _instead(answer, jpeg[: len(jpeg) // 2], "image/jpeg")
        case Garbage():
            return _instead(answer, garbage(effect.bytes), "image/jpeg")


def _instead(answer: Response, body: bytes, kind: str) -> Response:
    kept = {name: value for name, value in answer.headers.items() if name.startswith("x-")}
    return Response(body, headers=kept, media_type=kind)


def _with_body(effect: Status) -> Response:
    status, error = effect.status, effect.error
    if error is None:
        error = _name_of(status)
    if status in BODILESS or effect.body == "empty":
        return Response(status_code=status)
    match effect.body:
        case "json":
            envelope: dict[str, object] = {"error": error}
            if status == 401:  # the auth surface says more than the others
                envelope |= {"error_description": error, "status_code": status}
            return JSONResponse(envelope, status)
        case "html":
            shown = html.escape(error)
            page = f"<!doctype html><html><head><title>{shown}</title></head>"
            return HTMLResponse(f"{page}<body><h1>{shown}</h1></body></html>\n", status)
        case "text":
            return PlainTextResponse(error, status)
        case _:
            answer = Response(effect.raw, status)
            if effect.content_type is not None:
                answer.headers["content-type"] = effect.content_type
            return answer


def _name_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
