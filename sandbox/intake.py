"""Takes a call in: verb, model, content type, body. No work, no charge, no count yet."""

from starlette.requests import Request

from sandbox.models import MODELS
from sandbox.refusals import RefusedError

MOST_BODY_BYTES = 30_000_000


def check_head(request: Request, model: str) -> None:
    """Raises RefusedError 405, 404 or 406, in that order."""
    if request.method != "POST":
        raise RefusedError(405, "Method not allowed", headers={"Allow": "POST"})
    if model not in MODELS:
        raise RefusedError(404, f"Model not found: {model}")
    if not _is_json(request.headers.get("content-type", "")):
        raise RefusedError(406, "Invalid content type")


async def whole_body(request: Request) -> bytes:
    """The body. Raises RefusedError 413 over 30 MB, ClientDisconnect if it never arrives whole."""
    # The length is not trusted to be true, only to be reason enough; chunks are counted anyway.
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MOST_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _is_json(content_type: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return kind == "application/json" and all(
        part in ("", "charset=utf-8", 'charset="utf-8"') for part in parameters
    )


def _too_large() -> RefusedError:
    # The connection stays open and the rest of the body is dropped as it comes: closing it on a
    # client that is still sending would reset it, and the answer would be lost.
    return RefusedError(413, "Request body too large")
