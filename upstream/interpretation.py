"""Turns an exchange into what it means. No I/O: one exchange in, one value out, never an error."""

import json
from typing import Any

from jobs import money
from jobs.failures import Failure, FailureKind
from upstream import error_text, facts, results, unsuccessful
from upstream.images import Rejection
from upstream.key import Key
from upstream.replies import Balance, Facts, Image, Reply
from upstream.transport import Answer, Exchange

_NO_CREDITS = "no credits found"
"""What the credits endpoint says, under 404, of an account without a record (segmind-api §5)."""


def reply(exchange: Exchange, key: Key) -> Reply:
    """What a generation brought."""
    answer = exchange.answer
    told, form = Facts(), ""
    result: tuple[Image, ...] | Failure
    if answer is None:
        result = unsuccessful.unanswered(exchange, key)
    else:
        told = facts.read(answer.headers, key)
        if answer.status // 100 == 2:
            result, form = _success(answer, key)
        else:
            result = unsuccessful.refused(answer, told, exchange, key)
    return Reply(
        result=result,
        facts=told,
        status=answer.status if answer else None,
        sent_at=exchange.sent_at,
        sent_monotonic=exchange.sent_monotonic,
        arrived_at=exchange.arrived_at,
        form=form,
    )


def balance(exchange: Exchange, key: Key) -> Balance | Failure:
    """What a question for the balance brought."""
    answer = exchange.answer
    if answer is None or exchange.sent_at is None:
        return unsuccessful.unanswered(exchange, key)
    credit: money.Money | None = None
    if answer.status // 100 == 2:
        if answer.trouble:
            return unsuccessful.cut_short(answer, key)
        credit = _credits(answer.body)
        if credit is None:
            text = error_text.of(answer.body, key)
            message = f"the answer is no balance: {text}"
            return Failure(FailureKind.RESULT_REJECTED, message, answer.status)
    elif answer.status == 404 and _NO_CREDITS in error_text.of(answer.body, key).lower():
        credit = money.ZERO
    if credit is None:
        return unsuccessful.refused(answer, facts.read(answer.headers, key), exchange, key)
    return Balance(credits=credit, sent_at=exchange.sent_at, arrived_at=exchange.arrived_at)


def _success(answer: Answer, key: Key) -> tuple[tuple[Image, ...] | Failure, str]:
    if answer.trouble:
        return unsuccessful.cut_short(answer, key), ""
    found, form = results.read(answer.headers.get("content-type", ""), answer.body, key)
    if not isinstance(found, Rejection):
        return found, form
    return unsuccessful.rejected(found, found.reason, answer, key), form


def _credits(body: bytes) -> money.Money | None:
    """Paid and free credits together, read as text so that no float rounds them."""
    try:
        value = json.loads(body, parse_float=str, parse_int=str)
        amounts = [value[name] for name in ("credits", "free-credits") if name in value]
        return money.Money(sum(map(_amount, amounts))) if amounts else None
    except (ValueError, ArithmeticError, TypeError, RecursionError):
        return None


def _amount(value: Any) -> money.Money:
    if not isinstance(value, str):
        raise TypeError("no number")
    return money.parse(value)
