"""The answer that a fault spoils where no call ran: a real image that nobody pays for."""

from decimal import Decimal

from starlette.responses import Response

from sandbox.account import Account
from sandbox.answers import answer_of, facts
from sandbox.ledger import Row
from sandbox.pictures import drawn

_NOTE = "nothing ran: a fault, on demand"


def uncharged_jpeg(seed: int = 0) -> bytes:
    """A picture of some 400 pixels a side."""
    return drawn(None, seed=seed, prompt="", note=_NOTE)


def uncharged_answer(account: Account, row: Row) -> Response:
    """A 200 as a call would have had it, at no cost and in no time."""
    seed = max(0, row.seed_sent or 0)
    headers = facts(account, row.id, cost=Decimal(0), seconds=0, seed=seed)
    return answer_of([uncharged_jpeg(seed)], as_base64=False, form="first", headers=headers)
