"""A row of the history as JSON."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.entries import Entry
from sandbox.exact_json import written
from sandbox.history_pages import status_of
from sandbox.outputs import url_of

PLACEHOLDER = "<image>"


def row_text(
    entry: Entry, place: int, origin: str, shown_image: str, image: Callable[[str], str | None]
) -> str:
    """JSON text of the row for the output ``place`` of ``entry``.

    shown_image: the setting ``history_image``. image: gives the string behind a hash. For a
    thread: an image may be 22 MB.
    """
    name = entry.outputs[place] if entry.outputs else None
    seconds = entry.seconds
    return written(
        {
            "request_id": entry.id,
            "model_name": entry.row.model,
            "model_status": status_of(entry),
            "credits_deduction": entry.cost,
            "request_body": _inputs(entry, shown_image, image),
            "generation_url": None if name is None else url_of(origin, name),
            "latency_ms": None if seconds is None else round(seconds * 1000),
            "model_created": _moment(entry.created),
            "updated_at": _moment(entry.updated),
            "error": entry.error,
        }
    )


def _inputs(entry: Entry, shown_image: str, image: Callable[[str], str | None]) -> Any:
    # The ledger has every string in the place of ``image`` as its hash.
    body = json.loads(entry.row.inputs or "null")
    if not isinstance(body, dict) or not isinstance(body.get("image"), str):
        return body
    digest = body.pop("image")
    if shown_image == "placeholder":
        return {"image": PLACEHOLDER, **body}
    sent = image(digest) if shown_image == "whole" else None
    return body if sent is None else {"image": sent, **body}


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
