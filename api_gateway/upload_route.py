"""`POST /api/v1/inputs`: an image to be used by jobs."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api_gateway import bodies, images_in, problems
from api_gateway.auth import Submitter
from api_gateway.images_in import LARGEST_IMAGE
from api_gateway.job_answer import text_of
from api_gateway.kept_images import KeptImages, reference_of
from api_gateway.multipart_image import FIELDS, only_file
from api_gateway.once import IN_USE, REPLAYS, asked, with_key
from api_gateway.openapi import answers, body
from api_gateway.parts import parts_of
from api_gateway.problems import Problem
from db.idempotency import Answer
from db.rows import Input
from jobs.errors import FieldProblem, InvalidInput

_ROOM_FOR_PARTS = 64 * 1024
"""What a multipart body may hold beside the image."""

router = APIRouter(tags=["inputs"])

_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(FIELDS, _BINARY),
    "minProperties": 1,
    "maxProperties": 1,
}


@router.post(
    "/api/v1/inputs",
    status_code=201,
    summary="Upload an image",
    responses=answers(
        201, "KeptImage", "It is kept", 400, 401, 408, 413, 415, 422, 503, says=REPLAYS
    )
    | IN_USE,
    openapi_extra=with_key(
        body(**{"image/*": {"schema": _BINARY}, "multipart/form-data": {"schema": _FORM}})
    ),
)
async def upload(request: Request, tenant: Submitter) -> Response:
    """One picture, JPEG, PNG or WebP by content, of at most 20 MB and 40 megapixels.

    It is kept byte for byte, with these exceptions. A picture with an EXIF orientation is turned
    upright and encoded again in its own format (JPEG at quality 95, lossless formats without loss,
    a colour's 16 bits a channel as 8), without metadata but its colour profile. A CMYK JPEG becomes
    RGB. Of a telephone's JPEG with a gain map (Ultra HDR) the picture is kept without the map.
    Width, height, bytes and sha256 are those of what is kept.

    Refused are animated files and files of several pictures, files that are cut off, and files
    that hold anything behind the picture's end.
    """
    data = await _image_of(request)
    parts = parts_of(request)
    images = KeptImages(parts.inputs, parts.artifacts)

    def work() -> Response:
        try:
            picture = images_in.examine(data)
        except ValueError as error:
            raise InvalidInput([FieldProblem("image", str(error))]) from None
        row = images.keep(tenant, picture)
        return ask.commit(lambda: (row, Answer(201, {}, text_of(_document(row)))))[1]

    # The image alone tells one request from another: a repeated form has another boundary.
    async with asked(request, tenant, data) as ask:
        if ask.replay is not None:
            return ask.replay
        return await parts.with_images(work)


def _document(row: Input) -> dict[str, Any]:
    return {
        "reference": reference_of(row.sha256),
        "content_type": row.content_type,
        "width": row.width,
        "height": row.height,
        "bytes": row.bytes,
        "sha256": row.sha256,
    }


async def _image_of(request: Request) -> bytes:
    kind = bodies.media_type(request)
    if kind == "multipart/form-data":
        form = await bodies.read(request, LARGEST_IMAGE + _ROOM_FOR_PARTS)
        return await only_file(request.headers, form)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return await bodies.read(request, LARGEST_IMAGE)
    raise Problem(
        problems.WRONG_TYPE,
        "send the image itself as Content-Type: image/jpeg, image/png, image/webp or "
        f"application/octet-stream, or as a file named {' or '.join(FIELDS)} in multipart/form-data",
    )
