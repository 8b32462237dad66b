"""Every call of the API that is about a batch, as a value."""

import gzip
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from segq_client.batch import (
    Batch,
    RejectedLine,
    ResultPage,
    Uploaded,
    batch_from,
    rejected_from,
    result_from,
    uploaded_from,
)
from segq_client.calls import post, read_as
from segq_client.request import Answer, Request, json_of, query_of

JSON_LINES, CSV = "application/jsonl", "text/csv"
_a_batch = read_as("a batch", batch_from)


def open_batch(members: Mapping[str, Any], key: str) -> Request[Batch]:
    """Open a batch; it takes lines. Sent again under its key, it is the same batch."""
    return post("api/v1/batches", _a_batch, members, key)


def add_lines(
    batch_id: str, content: bytes, first_line: int, kind: str = JSON_LINES
) -> Request[Uploaded]:
    """Send lines, the first of them with that number.

    What is there already is known, so it may be sent again.
    """
    return Request(
        "POST",
        f"{_batch(batch_id)}/jobs",
        read_as("an upload", uploaded_from),
        query={"first_line": first_line},
        body=gzip.compress(content, compresslevel=1),
        headers={"Content-Type": kind, "Content-Encoding": "gzip"},
        is_repeatable=True,
    )


def close(batch_id: str) -> Request[Batch]:
    """Let it take no more."""
    return post(f"{_batch(batch_id)}/close", _a_batch)


def get(batch_id: str) -> Request[Batch]:
    """As it is now."""
    return Request("GET", _batch(batch_id), _a_batch)


def page(limit: int, cursor: str | None) -> Request[tuple[list[Batch], str | None]]:
    """Batches, newest first, and where the next page begins."""

    def build(body: Mapping[str, Any]) -> tuple[list[Batch], str | None]:
        return [batch_from(one) for one in body["items"]], body["next_cursor"]

    query = query_of({"limit": limit, "cursor": cursor})
    return Request("GET", "api/v1/batches", read_as("a list of batches", build), query=query)


def results(
    batch_id: str, *, order: str, limit: int, cursor: str | None, state: str | None = None
) -> Request[ResultPage]:
    """Results in the order of the lines (`input`) or as they ended (`finished`)."""

    def read(answer: Answer) -> ResultPage:
        found = tuple(_lines_of(answer, "a result", result_from))
        return ResultPage(found, answer.headers.get("Next-Cursor"))

    asked = {"order": order, "limit": limit, "cursor": cursor, "state": state}
    return Request("GET", f"{_batch(batch_id)}/results", read, query=query_of(asked))


def rejected(batch_id: str) -> Request[list[RejectedLine]]:
    """Every line that was not taken."""

    def read(answer: Answer) -> list[RejectedLine]:
        return _lines_of(answer, "a rejected line", rejected_from)

    return Request("GET", f"{_batch(batch_id)}/rejected", read)


def contact_sheet(batch_id: str, limit: int) -> Request[bytes]:
    """Its first images, small, as a JPEG."""
    path = f"{_batch(batch_id)}/contact-sheet.jpg"
    return Request("GET", path, lambda answer: answer.body, query={"limit": limit})


def cancel(batch_id: str) -> Request[Batch]:
    """Make no more calls for it."""
    return post(f"{_batch(batch_id)}/cancel", _a_batch)


def pause(batch_id: str, reason: str) -> Request[Batch]:
    """Let none of its calls leave."""
    return post(f"{_batch(batch_id)}/pause", _a_batch, {"reason": reason} if reason else None)


def resume(batch_id: str) -> Request[Batch]:
    """Let them leave again."""
    return post(f"{_batch(batch_id)}/resume", _a_batch)


def retry(batch_id: str, states: str | Sequence[str]) -> Request[Batch]:
    """Queue those jobs again that ended so."""
    wanted = states if isinstance(states, str) else ",".join(states)
    return post(f"{_batch(batch_id)}/retry", _a_batch, query={"state": wanted})


def change(batch_id: str, members: Mapping[str, Any]) -> Request[Batch]:
    """Change its priority or budget. Twice is the same as once."""
    headers = {"Content-Type": "application/json"}
    body = json_of(members)
    return Request("PATCH", _batch(batch_id), _a_batch, body=body, headers=headers)


def _batch(batch_id: str) -> str:
    return f"api/v1/batches/{quote(batch_id, safe='')}"


def _lines_of(answer: Answer, what: str, build: Any) -> list[Any]:
    """JSON Lines."""
    parse = read_as(what, build)
    return [
        parse(Answer(answer.status, answer.headers, line))
        for line in answer.body.split(b"\n")
        if line
    ]
