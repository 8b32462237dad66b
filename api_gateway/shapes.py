"""Every shape of the API's documents, as JSON Schema.

Only for who asks for them: to make them takes a quarter of a process's start.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from api_gateway import (
    batch_documents,
    documents,
    money_documents,
    problem_documents,
    request_documents,
    tenant_documents,
)

_ALL = (
    *(*documents.ALL, *money_documents.ALL, *tenant_documents.ALL, *batch_documents.ALL),
    *(*request_documents.ALL, *problem_documents.ALL),
)


def schemas(ref_template: str) -> dict[str, Any]:
    """By name; `ref_template` says how they refer to one another."""
    _, found = models_json_schema(
        [(shape, "serialization") for shape in _ALL], ref_template=ref_template
    )
    return dict(found["$defs"])
