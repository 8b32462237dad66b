"""Lets a call in: limits, credits, judgement, charge. From here on it stands in the history.

The money is taken when the call starts, so that calls at the same moment cannot spend it twice,
and given back if it fails after all (settling.py).
"""

import time
from dataclasses import dataclass
from decimal import Decimal

from sandbox.account import Account
from sandbox.entries import Entry
from sandbox.judging import Judged, judge
from sandbox.ledger import Row
from sandbox.models import MODELS, MOST_SEED
from sandbox.provider_clock import reset_headers
from sandbox.refusals import RefusedError
from sandbox.service import Service
from sandbox.validation import Asked


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a known model whose body has been read: whose, its ledger row, its body.

    origin: where the client found the sandbox. judged: what the body was judged to be, None: not
    judged yet. fails: what the inference fails with, None: it does not.
    """

    account: Account
    row: Row
    raw: bytes
    origin: str
    judged: Judged | None = None
    fails: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A call under way, without its body. ``asked`` or ``fails`` is there, or both."""

    account: Account
    entry: Entry
    asked: Asked | None
    fails: str | None


def enter(service: Service, call: Call) -> dict[str, str]:
    """Count the call in the limits and in flight; the headers that state the limit's reset.

    Whoever enters ends with ``leave``. Raises RefusedError 429.
    """
    account, settings = call.account, service.settings
    if settings.concurrency is not None and account.in_flight >= settings.concurrency:
        limit = reset_headers(settings, account.resets_in(settings.rpm), refused=True)
        raise RefusedError(429, "Too many concurrent requests", headers=limit)
    verdict = account.admit(settings.rpm)
    limit = reset_headers(settings, verdict.resets_in, refused=not verdict.admitted)
    if not verdict.admitted:
        raise RefusedError(429, "Rate limit exceeded", headers=limit)
    account.in_flight += 1
    return limit


def leave(account: Account) -> None:
    """The call is no longer in flight."""
    account.in_flight -= 1


async def start(service: Service, call: Call) -> Started:
    """Judge the call and charge it. Raises RefusedError 400 or 406."""
    account, row, model = call.account, call.row, MODELS[call.row.model]
    _check_credits(account, model.price)
    judged = call.judged
    if judged is None:
        judged = await service.paint(judge, model, call.raw)
    row.describe(judged)
    asked = judged.asked
    takes_all = row.transport == "v2" and service.settings.v2_malformed == "accept"
    if isinstance(asked, RefusedError) and not takes_all:
        raise asked
    if judged.image is not None:
        await service.paint(service.sent_images.keep, judged.image_hash, judged.image)
    if isinstance(asked, RefusedError):
        row.started_at = time.time()
        entry = service.history.begin(row, service.settings)
        return Started(account, entry, None, call.fails or asked.message)
    price = model.price * asked.samples
    _check_credits(account, price)
    # No await between the check and the charge.
    _charge(account, row, price)
    row.seed_used = asked.seed if asked.seed >= 0 else service.randomness.randint(0, MOST_SEED)
    entry = service.history.begin(row, service.settings)
    return Started(account, entry, asked, call.fails)


def _charge(account: Account, row: Row, price: Decimal) -> None:
    row.cost = price
    account.balance -= price
    row.started_at = time.time()


def _check_credits(account: Account, price: Decimal) -> None:
    if account.balance < price:
        raise RefusedError(406, "Insufficient credits")
