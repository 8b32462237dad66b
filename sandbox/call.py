"""Serves one v1 call whose body has been read: let in, inferred, settled, answered.

It runs in its own task and knows no connection, so that it ends, and is charged, though the
client has gone. Only a 200 is charged.
"""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from sandbox.admission import Call, Started, enter, leave, start
from sandbox.answers import answer_of, facts
from sandbox.inference import InferenceFailedError, Made, inferred
from sandbox.refusals import RefusedError
from sandbox.service import Service
from sandbox.settling import BROKEN, complete, fail, give_back, refuse


async def run_call(
    service: Service, call: Call, client_gone: Callable[[], Awaitable[bool]]
) -> Response:
    """Serve the call, bring its ledger row to an end, and answer (a refusal is an answer)."""
    row = call.row
    try:
        limit = enter(service, call)
        try:
            started = await start(service, call)
            started.entry.process()
            made = await _made(service, started)
        finally:
            leave(call.account)
    except RefusedError as refusal:
        row.client_gone = await client_gone()
        refuse(call, refusal.status)
        return refusal.response()
    row.client_gone = await client_gone()
    if isinstance(made, InferenceFailedError):
        fail(started, str(made))
        row.status = 500
        return RefusedError(500, str(made)).response()
    answer = _answer(service, started, made, limit)
    if row.client_gone and not _charges_the_gone(service):
        give_back(call.account, row)
    complete(service, started, made)
    # With a fault, what the client gets is yet to come.
    row.status = 200 if row.fault is None else None
    return answer


async def _made(service: Service, started: Started) -> Made | InferenceFailedError:
    try:
        return await inferred(service, started)
    except InferenceFailedError as failure:
        return failure
    except BaseException:
        fail(started, BROKEN)
        raise


def _answer(service: Service, started: Started, made: Made, limit: dict[str, str]) -> Response:
    row = started.entry.row
    told = facts(
        started.account, row.id, cost=row.cost, seconds=made.seconds, seed=row.seed_used or 0
    )
    as_base64 = started.asked is not None and started.asked.base64
    form = service.settings.samples_form
    return answer_of(made.images, as_base64=as_base64, form=form, headers=told | limit)


def _charges_the_gone(service: Service) -> bool:
    match service.settings.charge_on_disconnect:
        case "always":
            return True
        case "never":
            return False
        case _:
            return service.randomness.random() < 0.5
