"""From status and words to the kind of a failure: segmind-api §7 as a table. Nothing else decides."""

from http import HTTPStatus
from types import MappingProxyType

from jobs.failures import FailureKind
from upstream import words_of_406

BY_STATUS = MappingProxyType(
    {
        400: (FailureKind.INVALID_INPUT, "the parameters are not accepted"),
        401: (FailureKind.UNAUTHORIZED, "the API key is missing or invalid"),
        403: (FailureKind.FORBIDDEN, "this account may not do this"),
        404: (FailureKind.MODEL_NOT_FOUND, "there is no such model"),
        405: (FailureKind.BAD_REQUEST_FORM, "the address does not take this kind of request"),
        406: (FailureKind.INVALID_INPUT, "a parameter's value is not accepted"),
        410: (FailureKind.MODEL_RETIRED, "the model is retired"),
        422: (FailureKind.INVALID_INPUT, "the input could not be processed"),
        429: (FailureKind.RATE_LIMITED, "the rate limit is reached"),
        500: (FailureKind.UPSTREAM_ERROR, "an internal error"),
        502: (FailureKind.GATEWAY_ERROR, "a bad gateway; the call may have run"),
        503: (FailureKind.GATEWAY_ERROR, "the service is unavailable; the call may have run"),
        504: (FailureKind.GATEWAY_ERROR, "the gateway timed out; the call may have run"),
    }
)
"""Statuses with a meaning of their own, and the words used where the answer brings none."""

NOT_ACCEPTABLE = 406
WITHOUT_A_STATUS = frozenset(
    {FailureKind.NOT_SENT, FailureKind.CONNECTION_LOST, FailureKind.RESULT_REJECTED}
)
"""Kinds that come from the exchange itself or from the body of a 2xx."""

OF_A_RECORD = frozenset({FailureKind.INFERENCE_FAILED, FailureKind.RECORD_EXPIRED})
"""Kinds that only a question for a v2 request can bring."""


def kind_of(status: int, text: str) -> FailureKind:
    """The kind of an answer that is no success; `text` is its error text, in any case."""
    if status == NOT_ACCEPTABLE:
        return words_of_406.kind_of(text)
    if status in BY_STATUS:
        return BY_STATUS[status][0]
    match status // 100:
        case 3:
            return FailureKind.BAD_REQUEST_FORM
        case 4:
            return FailureKind.REFUSED
        case _:
            # Unlisted 5xx, and what no server should send: the call may have run behind it.
            return FailureKind.GATEWAY_ERROR


def meaning(status: int) -> str:
    """A few words for a status whose answer brought none."""
    if status in BY_STATUS:
        return BY_STATUS[status][1]
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "unknown status"
    redirect = " (redirects are not followed; is the base URL right?)" if status // 100 == 3 else ""
    return f"HTTP {status} {phrase}{redirect}"
