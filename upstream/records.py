"""What Segmind says of a v2 request: that it is accepted, and what became of it (segmind-api §2)."""

from dataclasses import replace
from typing import Any

from jobs.failures import Failure, FailureKind
from upstream import error_text, exact_json, facts, output_urls, transient_words, unsuccessful
from upstream.key import Key
from upstream.replies import Facts, Record, RequestState, Submission
from upstream.transport import Answer, Exchange

LARGEST = 2**20
"""Bytes of a body: it holds addresses, not images. A failed one's are read under any status."""
MOST_VALUES = 100_000
_GONE = (404, 410)
_RAN_AND_FAILED = 422


def submission(exchange: Exchange, key: Key) -> Submission:
    """What a v2 POST brought."""
    answer = exchange.answer
    told = Facts()
    result: str | Failure
    if answer is None:
        result = unsuccessful.unanswered(exchange, key)
    else:
        told = facts.read(answer.headers, key)
        if answer.status // 100 == 2:
            result = _accepted(answer, key)
        else:
            result = unsuccessful.refused(answer, told, exchange, key)
        if isinstance(result, str):
            # A header may name this one exchange; the request lives on under the body's.
            told = replace(told, request_id=result)
    return Submission(
        result=result,
        facts=told,
        status=answer.status if answer else None,
        sent_at=exchange.sent_at,
        sent_monotonic=exchange.sent_monotonic,
        arrived_at=exchange.arrived_at,
    )


def record(exchange: Exchange, key: Key, *, whole: bool) -> Record | Failure:
    """What a question for a request brought; `whole`: the outputs were asked for too."""
    answer = exchange.answer
    if answer is None or exchange.sent_at is None:
        return unsuccessful.unanswered(exchange, key)
    body = _object(answer.body)
    state = _state(answer, body)
    if state is None:
        return _no_record(answer, exchange, key)
    complete = whole and state is RequestState.COMPLETED
    return Record(
        state=state,
        outputs=output_urls.of(body.get("output"), body.get("images"), key=key) if complete else (),
        failure=_failure(answer, body, key) if state is RequestState.FAILED else None,
        facts=facts.of_record(body, answer.headers, key),
        sent_at=exchange.sent_at,
        arrived_at=exchange.arrived_at,
    )


def _accepted(answer: Answer, key: Key) -> str | Failure:
    # Looked for in a body that broke off too: the id is all that leads back to a paid call.
    told = _object(answer.body).get("request_id")
    found = facts.request_id(told, key)
    if found is not None and found == told:
        return found
    if answer.trouble and not answer.too_large:
        return unsuccessful.cut_short(answer, key)
    text = error_text.of(answer.body, key)
    message = error_text.short(f"the answer carries no request id: {text}", key)
    return Failure(FailureKind.GATEWAY_ERROR, message, answer.status)


def _state(answer: Answer, body: dict[str, Any]) -> RequestState | None:
    """None where the answer is none about a request's state."""
    told = body.get("status")
    if not isinstance(told, str) or isinstance(told, exact_json.Number):
        return None
    name = told.strip().upper()
    # A failed request comes under 422, and whatever a gateway makes of that: its body decides.
    if name == RequestState.FAILED:
        return RequestState.FAILED
    if answer.status // 100 != 2:
        return None
    # A state that nobody has heard of is none of the two ends: it goes on being asked for.
    return RequestState(name) if name in set(RequestState) else RequestState.PROCESSING


def _failure(answer: Answer, body: dict[str, Any], key: Key) -> Failure:
    text = error_text.of_value(body, key) or "the inference ran and failed"
    return Failure(transient_words.kind_of(text), text, answer.status)


def _no_record(answer: Answer, exchange: Exchange, key: Key) -> Failure:
    if answer.status in _GONE:
        message = "Segmind no longer has the request's record"
        return Failure(FailureKind.RECORD_EXPIRED, message, answer.status)
    successful = answer.status // 100 == 2
    if answer.trouble and not answer.too_large and (successful or answer.status == _RAN_AND_FAILED):
        # What it says of the request stands in the body, and that did not come.
        return unsuccessful.cut_short(answer, key)
    if not successful:
        return unsuccessful.refused(answer, facts.read(answer.headers, key), exchange, key)
    text = error_text.of(answer.body, key)
    message = error_text.short(f"the answer is no record of a request: {text}", key)
    return Failure(FailureKind.GATEWAY_ERROR, message, answer.status)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = exact_json.read(body, MOST_VALUES)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
