"""One row of the request history, whose members and their types are known in part (segmind-api §4)."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jobs.matching import HistoryStatus
from jobs.shown_inputs import shown
from upstream import error_text, exact_json, facts, output_urls, timestamps
from upstream.key import Key
from upstream.replies import HistoryRow

MOST_VALUES = 100_000
"""In a request's inputs that stand there as JSON text."""
_CREATED = "model_created"
_MOMENTS = (re.compile(r"creat", re.IGNORECASE), re.compile(r"_at$|At$|[Tt]ime|[Dd]ate"))
"""Other names of a moment, the better ones first."""


def read(row: Any, key: Key) -> HistoryRow | None:
    """None where there is no request id to know it by. Never raises."""
    if not isinstance(row, dict):
        return None
    request_id = facts.request_id(row.get("request_id"), key)
    if request_id is None:
        return None
    status = row.get("model_status")
    name = status.strip().upper() if isinstance(status, str) else ""
    return HistoryRow(
        request_id=request_id,
        model=facts.request_id(row.get("model_name"), key) or "",
        status=HistoryStatus(name) if name in set(HistoryStatus) else HistoryStatus.PENDING,
        cost=facts.cost(row.get("credits_deduction")),
        inputs=_inputs(row.get("request_body")),
        output=next(iter(output_urls.of(row.get("generation_url"), key=key)), None),
        created_at=next(_moments(row), None),
        error=error_text.of_value(row.get("error"), key),
    )


def _inputs(body: Any) -> Mapping[str, Any]:
    try:
        if isinstance(body, str):
            body = exact_json.read(body, MOST_VALUES)
        return shown(exact_json.plain(body)) if isinstance(body, dict) else {}
    except ValueError:
        return {}


def _moments(row: Mapping[str, Any]) -> Iterator[datetime]:
    names = [_CREATED, *(name for like in _MOMENTS for name in row if like.search(name))]
    for name in names:
        told = row.get(name)
        moment = timestamps.parse(told) if isinstance(told, str) else None
        if moment is not None:
            yield moment
