"""A job's calls to Segmind as the API shows them."""

from collections.abc import Iterable
from typing import Any

from api_gateway import times
from db.attempt_history import Attempt
from jobs import money
from jobs.states import State

ENDED = "ended"
# In the order in which they can come to pass, and so they are told: the worker's clock, which
# `sent` and `answered` are of, may differ from the database's.
_EVENTS = ("claimed", "sent", "answered", "in_doubt", "finished")


def documents(attempts: Iterable[Attempt]) -> list[dict[str, Any]]:
    """Each call as JSON, in the order given. Money is decimal text in USD."""
    return [_document(attempt) for attempt in attempts]


def _document(attempt: Attempt) -> dict[str, Any]:
    moments = {f"{event}_at": times.text(getattr(attempt, f"{event}_at")) for event in _EVENTS}
    return {
        "number": attempt.number,
        "account": attempt.account,
        "transport": attempt.transport,
        "state": _state(attempt),
        "outcome": attempt.outcome,
        "message": attempt.message,
        "http_status": attempt.http_status,
        "seed": attempt.seed,
        "request_id": attempt.request_id,
        "estimate": money.text(attempt.estimate),
        "cost": None if attempt.cost is None else money.text(attempt.cost),
        "cost_known": attempt.cost_known,
        "generation_seconds": attempt.generation_seconds,
        "answer_form": attempt.answer_form,
        "doubt_ended": attempt.doubt_ended,
        "looked": attempt.looked,
        **moments,
        "timeline": [
            {"at": moments[f"{event}_at"], "event": event}
            for event in _EVENTS
            if moments[f"{event}_at"]
        ],
    }


def _state(attempt: Attempt) -> str:
    if attempt.finished_at is not None:
        return ENDED
    return State.RUNNING if attempt.in_doubt_at is None else State.IN_DOUBT
