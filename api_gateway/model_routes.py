"""The model catalog."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api_gateway.auth import Tenant
from api_gateway.openapi import answers
from jobs import catalog, money
from jobs.catalog.model import Model
from jobs.catalog.schema import input_schema
from jobs.errors import NotFound, UnknownModel

router = APIRouter(tags=["models"])


@router.get(
    "/api/v1/models",
    summary="List the models",
    responses=answers(200, "Models", "All models", 401, 503),
)
async def models(_tenant: Tenant) -> JSONResponse:
    return JSONResponse({"models": [document(model) for model in catalog.MODELS.values()]})


@router.get(
    "/api/v1/models/{slug}",
    summary="Read a model",
    responses=answers(200, "Model", "The model", 401, 404, 503),
)
async def model(_tenant: Tenant, slug: str) -> JSONResponse:
    try:
        return JSONResponse(document(catalog.model(slug)))
    except UnknownModel as error:
        raise NotFound(str(error)) from None


def document(model: Model) -> dict[str, Any]:
    """A model as JSON. The price is of one call, or of each of what `per` names."""
    return {
        "slug": model.slug,
        "name": model.name,
        "description": model.description,
        "price": {
            "amount": money.text(model.unit_price),
            "currency": "USD",
            "per": model.price_times.removesuffix("s") if model.price_times else "call",
        },
        "typical_seconds": model.typical_seconds,
        "output": model.output,
        "transport": model.transport,
        "input_schema": input_schema(model),
    }
