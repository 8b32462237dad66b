"""The forms of a 200: one raw JPEG, JSON with base64, or several parts."""

import base64
from collections.abc import Mapping
from decimal import Decimal

from starlette.responses import JSONResponse, Response

from sandbox.account import Account
from sandbox.money import text_of


def facts(
    account: Account, request_id: str, *, cost: Decimal, seconds: float, seed: int
) -> dict[str, str]:
    """The headers that tell what a call cost, what is left (USD) and how long it took (s)."""
    return {
        "x-remaining-credits": text_of(account.balance),
        "x-cost": text_of(cost),
        "x-request-id": request_id,
        "x-generation-time": f"{seconds:.3f}",
        "x-seed-value": str(seed),
    }


def answer_of(
    images: list[bytes], *, as_base64: bool, form: str, headers: Mapping[str, str]
) -> Response:
    """The answer that carries ``images`` (JPEG).

    JSON has the text of one image, a list of texts for several. Several raw images have no known
    form upstream: ``form`` is the setting ``samples_form``.
    """
    if not as_base64 and (len(images) == 1 or form == "first"):
        return Response(images[0], headers=headers, media_type="image/jpeg")
    if not as_base64 and form == "multipart":
        return _parts(images, headers)
    texts = [base64.b64encode(image).decode() for image in images]
    return JSONResponse({"image": texts[0] if len(texts) == 1 else texts}, headers=headers)


def _parts(images: list[bytes], headers: Mapping[str, str]) -> Response:
    boundary = f"sample-of-{headers['x-request-id']}"
    body = bytearray()
    for image in images:
        length = len(image)
        head = f"--{boundary}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
        body += head.encode() + image + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    kind = f"multipart/mixed; boundary={boundary}"
    return Response(bytes(body), headers=headers, media_type=kind)
