"""The failures of an exchange that hold for every question: no answer, half of one, or a refusal."""

from dataclasses import replace
from datetime import timedelta

from jobs.failures import Failure, FailureKind
from upstream import error_text, failure_table
from upstream.images import Rejection
from upstream.key import Key
from upstream.replies import Facts
from upstream.transport import Answer, Exchange

_CLOCKS_AGREE = timedelta(seconds=2)
"""`Date` counts whole seconds, and the answer was on its way."""


def unanswered(exchange: Exchange, key: Key) -> Failure:
    """No status line came."""
    sent = exchange.sent_at is not None
    kind = FailureKind.CONNECTION_LOST if sent else FailureKind.NOT_SENT
    return Failure(kind, error_text.short(exchange.trouble, key))


def cut_short(answer: Answer, key: Key) -> Failure:
    """A body that is not whole."""
    # One that is too large came whole as far as it was read: paid, and not to be had.
    kind = FailureKind.RESULT_REJECTED if answer.too_large else FailureKind.CONNECTION_LOST
    return Failure(kind, error_text.short(answer.trouble, key), answer.status)


def rejected(found: Rejection, reason: str, answer: Answer, key: Key) -> Failure:
    """A whole 2xx that holds no image which can be kept."""
    kind = FailureKind.RESULT_REJECTED
    if found.incomplete and not answer.framed:
        # Nothing but the close said that the body was whole, and it is not.
        kind = FailureKind.CONNECTION_LOST
    return Failure(kind, error_text.short(reason, key), answer.status)


def refused(answer: Answer, told: Facts, exchange: Exchange, key: Key) -> Failure:
    """By the table, whatever the status; a reset is told in our clock."""
    if answer.trouble and not answer.too_large and answer.status == failure_table.NOT_ACCEPTABLE:
        # Its meaning stands in the words, and they did not come. Other statuses speak alone.
        return cut_short(answer, key)
    text = error_text.of(answer.body, key) or failure_table.meaning(answer.status)
    kind = failure_table.kind_of(answer.status, text)
    resets_at = told.resets_at if kind is FailureKind.RATE_LIMITED else None
    failure = Failure(kind, text, answer.status, resets_at)
    return _on_our_clock(failure, told, exchange)


def _on_our_clock(failure: Failure, told: Facts, exchange: Exchange) -> Failure:
    """A reset is a moment of the provider's clock; its `Date` tells how far ours is from it."""
    if failure.resets_at is None or told.date is None:
        return failure
    skew = exchange.arrived_at - told.date
    if abs(skew) < _CLOCKS_AGREE:
        return failure
    return replace(failure, resets_at=failure.resets_at + skew)
