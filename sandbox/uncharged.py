"""The answer that a fault spoils where no call ran: it looks like one, and nobody pays for it."""

from decimal import Decimal

from starlette.responses import Response

from sandbox.admission import Call
from sandbox.answers import answer_of, facts
from sandbox.pictures import drawn
from sandbox.submission import queued_answer

_NOTE = "nothing ran: a fault, on demand"


def uncharged_jpeg(seed: int = 0) -> bytes:
    """A picture of some 400 pixels a side."""
    return drawn(None, seed=seed, prompt="", note=_NOTE)


def uncharged_answer(call: Call) -> Response:
    """A 200 as a call would have had it, at no cost and in no time.

    Over v2 it names a request that does not exist.
    """
    row = call.row
    if row.transport == "v2":
        return queued_answer(row.id, call.origin, {})
    seed = max(0, row.seed_sent or 0)
    headers = facts(call.account, row.id, cost=Decimal(0), seconds=0, seed=seed)
    return answer_of([uncharged_jpeg(seed)], as_base64=False, form="first", headers=headers)
