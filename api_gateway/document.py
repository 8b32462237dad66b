"""What every answer's shape has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


def _open(schema: dict[str, Any]) -> None:
    schema.pop("additionalProperties", None)


class Document(BaseModel):
    """An answer: here it has these members and no other; to callers more may come.

    A client made from a description that forbids others would break at the first new member.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=_open)
