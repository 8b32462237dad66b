"""When to ask next how a v2 request is doing. Times are seconds."""

from jobs.retry import Uniform

RECORD_LIFE = 3_600.0
"""From submission on; then the request's record cannot be found any more (segmind-api §2)."""
NEAR_EXPIRY = 600.0
"""A result that is not fetched this long before its record expires is alerted."""
_LEAST, _MOST = 1.0, 20.0
"""The official SDK asks every second (segmind-api §2); a thousand requests that take minutes would
be a thousand questions a second."""
_SHARE = 5
_JITTER = 0.1


def first_poll(typical: float, uniform: Uniform) -> float:
    """How long after the submission to ask first: a bit before a call is usually done."""
    return _jittered(max(_LEAST, min(_MOST, 0.8 * typical)), uniform)


def next_poll(age: float, uniform: Uniform) -> float:
    """How long to wait when a request of this `age` is not done: a fifth of it, within bounds.

    So an answer is a fifth late at the most, and a request that takes minutes costs little.
    """
    return _jittered(max(_LEAST, min(_MOST, age / _SHARE)), uniform)


def _jittered(seconds: float, uniform: Uniform) -> float:
    return seconds * uniform(1 - _JITTER, 1 + _JITTER)
