"""`POST /api/v1/inputs`: an image to be used by jobs."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway import bodies, images_in, problems
from api_gateway.auth import Tenant
from api_gateway.images_in import LARGEST_IMAGE, Picture
from api_gateway.kept_images import KeptImages, reference_of
from api_gateway.multipart_image import FIELDS, only_file
from api_gateway.openapi import answers, body
from api_gateway.parts import parts_of
from api_gateway.problems import Problem
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
    responses=answers(201, "KeptImage", "It is kept", 400, 401, 413, 415, 422, 503),
    openapi_extra=body(
        **{"image/*": {"schema": _BINARY}, "multipart/form-data": {"schema": _FORM}}
    ),
)
async def upload(request: Request, tenant: Tenant) -> JSONResponse:
    """JPEG, PNG or WebP by content, at most 20 MB and 40 megapixels; kept byte for byte."""
    data = await _image_of(request)
    parts = parts_of(request)
    images = KeptImages(parts.inputs, parts.artifacts)

    def work() -> Picture:
        try:
            picture = images_in.examine(data)
        except ValueError as error:
            raise InvalidInput([FieldProblem("image", str(error))]) from None
        images.keep(tenant, picture)
        return picture

    picture = await parts.with_images(work)
    return JSONResponse(
        {
            "reference": reference_of(picture.sha256),
            "content_type": picture.content_type,
            "width": picture.width,
            "height": picture.height,
            "bytes": len(data),
            "sha256": picture.sha256,
        },
        201,
    )


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
