"""Serves one v1 call whose body has been read: limit, credits, judgement, charge, pictures.

It runs in its own task and knows no connection, so that it ends, and is charged, though the
client has gone. Only a 200 is charged: the money is taken when the call starts, so that calls at
the same moment cannot spend it twice, and given back if the call fails after all.
"""

import asyncio
import base64
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

from starlette.responses import JSONResponse, Response

from sandbox.bundled import NOTE, bundled_picture
from sandbox.fetching import fetched
from sandbox.input_image import Picture, UnusableImageError, picture_of
from sandbox.judging import judge
from sandbox.ledger import Row
from sandbox.limits import Verdict
from sandbox.money import PRICE, text_of
from sandbox.pictures import drawn
from sandbox.refusals import RefusedError
from sandbox.service import Account, Service
from sandbox.validation import Asked

MOST_SEED = 999_999_999_999_999


async def run_call(
    service: Service,
    account: Account,
    row: Row,
    raw: bytes,
    client_gone: Callable[[], Awaitable[bool]],
) -> Response:
    """Serve the call, bring its ledger row to an end, and answer (a refusal is an answer)."""
    status = 500
    try:
        response = await _served(service, account, row, raw)
        status = response.status_code
    except RefusedError as refusal:
        response = refusal.response()
        status = refusal.status
    finally:
        if status != 200:
            account.balance += row.cost
            row.cost = Decimal(0)
        row.finished_at = time.time()
        row.status = status
    row.client_gone = await client_gone()
    return response


async def _served(service: Service, account: Account, row: Row, raw: bytes) -> Response:
    verdict = account.admit(service.settings)
    limit = {"x-rate-limit-reset-at-utc": _reset_text(verdict)}
    if not verdict.admitted:
        raise RefusedError(429, "Rate limit exceeded", headers=limit)
    _check_credits(account, PRICE)
    judged = await service.paint(judge, raw)
    row.inputs, row.inputs_hash = judged.inputs, judged.inputs_hash
    row.seed_sent = judged.seed_sent
    if isinstance(judged.asked, RefusedError):
        raise judged.asked
    asked = judged.asked
    _check_credits(account, PRICE * asked.samples)
    # No await between the check and the charge.
    row.cost = PRICE * asked.samples
    account.balance -= row.cost
    row.started_at = time.time()
    row.seed_used = asked.seed if asked.seed >= 0 else service.randomness.randint(0, MOST_SEED)
    begun = time.monotonic()
    wanted = service.settings.latency.draw(service.randomness) / service.settings.speed
    images = await _images(service, asked, row.seed_used)
    await asyncio.sleep(max(0.0, begun + wanted - time.monotonic()))
    headers = {
        "x-remaining-credits": text_of(account.balance),
        "x-cost": text_of(row.cost),
        "x-request-id": row.id,
        "x-generation-time": f"{time.monotonic() - begun:.3f}",
        "x-seed-value": str(row.seed_used),
        **limit,
    }
    return _answer(images, asked, headers)


def _check_credits(account: Account, price: Decimal) -> None:
    if account.balance < price:
        raise RefusedError(406, "Insufficient credits")


def _reset_text(verdict: Verdict) -> str:
    # Rounded up: whoever comes at the stated moment must be let in.
    milliseconds = math.ceil((time.time() + verdict.resets_in) * 1000)
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


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


def _painted(picture: Picture, note: str, asked: Asked, seed: int) -> list[bytes]:
    # Several samples differ as upstream's do: each has the next seed.
    return [
        drawn(picture, seed=seed + sample, prompt=asked.prompt, note=note)
        for sample in range(asked.samples)
    ]


def _answer(images: list[bytes], asked: Asked, headers: dict[str, str]) -> Response:
    """One raw JPEG, or JSON with bare base64: text for one image, a list for several.

    Several raw images have no known form upstream; here they come as the JSON list too.
    """
    if not asked.base64 and len(images) == 1:
        return Response(images[0], headers=headers, media_type="image/jpeg")
    texts = [base64.b64encode(image).decode() for image in images]
    return JSONResponse({"image": texts[0] if len(texts) == 1 else texts}, headers=headers)
