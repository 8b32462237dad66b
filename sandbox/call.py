"""Serves one v1 call whose body has been read: limits, credits, judgement, charge, pictures.

It runs in its own task and knows no connection, so that it ends, and is charged, though the
client has gone. Only a 200 is charged: the money is taken when the call starts, so that calls at
the same moment cannot spend it twice, and given back if the call fails after all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from starlette.responses import Response

from sandbox.account import Account
from sandbox.answers import answer_of, facts
from sandbox.bundled import NOTE, bundled_picture
from sandbox.fetching import fetched
from sandbox.input_image import Picture, UnusableImageError, picture_of
from sandbox.judging import Judged, judge
from sandbox.ledger import Row
from sandbox.models import MODELS, MOST_SEED
from sandbox.pictures import drawn
from sandbox.provider_clock import reset_headers
from sandbox.refusals import RefusedError
from sandbox.service import Service
from sandbox.validation import Asked


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a known model: whose, its ledger row, its body, and what the body was judged to be.

    ``judged`` None: not judged yet.
    """

    account: Account
    row: Row
    raw: bytes
    judged: Judged | None = None


async def run_call(
    service: Service, call: Call, client_gone: Callable[[], Awaitable[bool]]
) -> Response:
    """Serve the call, bring its ledger row to an end, and answer (a refusal is an answer)."""
    status = 500
    try:
        response = await _served(service, call)
        status = response.status_code
    except RefusedError as refusal:
        response = refusal.response()
        status = refusal.status
    finally:
        call.row.client_gone = await client_gone()
        _settle(service, call, status)
    return response


def _settle(service: Service, call: Call, status: int) -> None:
    row = call.row
    if status != 200 or (row.client_gone and not _charges_the_gone(service)):
        call.account.balance += row.cost
        row.cost = Decimal(0)
    row.finished_at = time.time()
    row.status = status
    if status != 200:
        row.fault = None  # the refusal is the answer
    elif row.fault is not None:
        row.status = None  # what the client gets is yet to come


def _charges_the_gone(service: Service) -> bool:
    match service.settings.charge_on_disconnect:
        case "always":
            return True
        case "never":
            return False
        case _:
            return service.randomness.random() < 0.5


async def _served(service: Service, call: Call) -> Response:
    account, settings = call.account, service.settings
    if settings.concurrency is not None and account.in_flight >= settings.concurrency:
        limit = reset_headers(settings, account.resets_in(settings.rpm), refused=True)
        raise RefusedError(429, "Too many concurrent requests", headers=limit)
    verdict = account.admit(settings.rpm)
    limit = reset_headers(settings, verdict.resets_in, refused=not verdict.admitted)
    if not verdict.admitted:
        raise RefusedError(429, "Rate limit exceeded", headers=limit)
    account.in_flight += 1
    try:
        return await _generated(service, call, limit)
    finally:
        account.in_flight -= 1


async def _generated(service: Service, call: Call, limit: dict[str, str]) -> Response:
    account, row, model = call.account, call.row, MODELS[call.row.model]
    _check_credits(account, model.price)
    judged = call.judged
    if judged is None:
        judged = await service.paint(judge, model, call.raw)
    row.describe(judged)
    if isinstance(judged.asked, RefusedError):
        raise judged.asked
    asked = judged.asked
    _check_credits(account, model.price * asked.samples)
    # No await between the check and the charge.
    row.cost = model.price * asked.samples
    account.balance -= row.cost
    row.started_at = time.time()
    row.seed_used = asked.seed if asked.seed >= 0 else service.randomness.randint(0, MOST_SEED)
    begun = time.monotonic()
    settings = service.settings
    wanted = settings.latency.draw(service.randomness) * model.pace / settings.speed
    images = await _images(service, asked, row.seed_used)
    await asyncio.sleep(max(0.0, begun + wanted - time.monotonic()))
    seconds = time.monotonic() - begun
    told = facts(account, row.id, cost=row.cost, seconds=seconds, seed=row.seed_used)
    form = service.settings.samples_form
    return answer_of(images, as_base64=asked.base64, form=form, headers=told | limit)


def _check_credits(account: Account, price: Decimal) -> None:
    if account.balance < price:
        raise RefusedError(406, "Insufficient credits")


async def _images(service: Service, asked: Asked, seed: int) -> list[bytes]:
    picture, note = asked.picture, ""
    if isinstance(picture, str):
        picture, note = await _behind(service, picture)
    return await service.paint(_painted, picture, note, asked, seed)


async def _behind(service: Service, url: str) -> tuple[Picture, str]:
    """The picture behind ``url``, or the bundled one and the note that says so."""
    if service.settings.fetch_images:
        data = await asyncio.to_thread(fetched, url)
        if data is not None:
            try:
                return await service.paint(picture_of, data), ""
            except UnusableImageError:
                pass
    return await service.paint(bundled_picture), NOTE


def _painted(picture: Picture | None, note: str, asked: Asked, seed: int) -> list[bytes]:
    # Several samples differ as upstream's do: each has the next seed.
    return [
        drawn(picture, seed=seed + sample, prompt=asked.prompt, note=note)
        for sample in range(asked.samples)
    ]
