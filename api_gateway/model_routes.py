"""The model catalog."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway import query
from api_gateway.auth import Reader
from api_gateway.model_documents import document
from api_gateway.openapi import answers
from jobs import catalog
from jobs.errors import NotFound, UnknownModel

router = APIRouter(tags=["models"])


@router.get(
    "/api/v1/models",
    summary="List the models",
    responses=answers(200, "Models", "All models", 401, 422, 503),
)
async def models(request: Request, _tenant: Reader) -> JSONResponse:
    query.none(request)
    return JSONResponse({"models": [document(model) for model in catalog.MODELS.values()]})


@router.get(
    "/api/v1/models/{slug}",
    summary="Read a model",
    responses=answers(200, "Model", "The model", 401, 404, 422, 503),
)
async def model(request: Request, _tenant: Reader, slug: str) -> JSONResponse:
    query.none(request)
    try:
        return JSONResponse(document(catalog.model(slug)))
    except UnknownModel as error:
        raise NotFound(str(error)) from None
