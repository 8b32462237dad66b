"""The OpenAPI document: what the routes cannot say by themselves."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api_gateway import (
    documents,
    money_documents,
    problem_documents,
    problems,
    request_documents,
    tenant_documents,
)
from api_gateway.model_documents import submit_examples, submit_shapes
from jobs.catalog import MODELS

DESCRIPTION = """
An asynchronous generation queue for Segmind's image models: submit a job, wait for it, fetch its
images. Every error answer is `application/problem+json` (RFC 9457) and names every wrong field.
"""
_REF = "#/components/schemas/{model}"

RETRY_AFTER = {"Retry-After": "Seconds; where the same request may go through later"}
_LATER = {409, 429, 503}

_SHAPES = (
    *(*documents.ALL, *money_documents.ALL, *tenant_documents.ALL, *request_documents.ALL),
    *problem_documents.ALL,
)

Responses = dict[int | str, dict[str, Any]]


def reference(name: str) -> dict[str, str]:
    """A `$ref` to one of `documents`."""
    return {"$ref": _REF.format(model=name)}


def headers(says: Mapping[str, str]) -> dict[str, Any]:
    """A response's headers, each with what it says. They are text, and none is promised."""
    return {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in says.items()
    }


def answers(
    status: int,
    document: str,
    description: str,
    *refusals: int,
    says: Mapping[str, str] | None = None,
) -> Responses:
    """An operation's responses: its success, the problems it knows, and any other one.

    `says` are the headers of its success.
    """
    return {
        status: {
            "description": description,
            "content": {"application/json": {"schema": reference(document)}},
            **({"headers": headers(says)} if says else {}),
        },
        **refuses(*refusals),
    }


def refuses(*statuses: int) -> Responses:
    """The problems that an operation answers with."""
    content = {problems.MEDIA_TYPE: {"schema": reference("Problem")}}
    known: Responses = {
        status: {"description": problems.BY_STATUS[status].title, "content": content}
        # A key that is good for one thing may not be for another.
        for status in sorted({*statuses, 403} if 401 in statuses else statuses)
    }
    for status in _LATER & known.keys():
        known[status]["headers"] = headers(RETRY_AFTER)
    return {**known, "default": {"description": "Any other problem", "content": content}}


def body(**content: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` for a request body that the route reads itself."""
    return {"requestBody": {"required": True, "content": content}}


def optional_body(**content: dict[str, Any]) -> dict[str, Any]:
    """The same for a body that may be left out."""
    return {"requestBody": {"required": False, "content": content}}


def install(app: FastAPI) -> None:
    """Let `/openapi.json` hold the shapes of `documents`, of requests and of the models beside the routes."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _, shapes = models_json_schema(
                [(shape, "serialization") for shape in _SHAPES],
                ref_template=_REF,
            )
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(shapes["$defs"])
            schemas.update(submit_shapes(MODELS.values(), schemas["Submit"], _REF))
            _show_examples(found["paths"])
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def _show_examples(paths: dict[str, dict[str, Any]]) -> None:
    """Wherever a job is submitted, a body for each model: routes know none of them."""
    for operations in paths.values():
        for operation in operations.values():
            contents = operation.get("requestBody", {}).get("content", {}).values()
            for content in contents:
                if content.get("schema") == reference("Submit"):
                    content["examples"] = submit_examples(MODELS.values())
