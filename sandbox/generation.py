"""One call of a model, from its key to its answer: taken in, faulted or served."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sandbox.admission import Call
from sandbox.call import run_call
from sandbox.effects import Fails
from sandbox.fault_rules import Rule, Seen
from sandbox.faulty import FaultyAnswer
from sandbox.free_paths import account_of, origin_of
from sandbox.intake import check_head, whole_body
from sandbox.judging import Judged, judge
from sandbox.ledger import Row, Transport
from sandbox.models import MODELS
from sandbox.refusals import RefusedError
from sandbox.service import Service
from sandbox.settling import break_off, refuse
from sandbox.submission import submit_call
from sandbox.uncharged import uncharged_answer

_SERVED: dict[
    Transport, Callable[[Service, Call, Callable[[], Awaitable[bool]]], Awaitable[Response]]
] = {"v1": run_call, "v2": submit_call}


async def generate(service: Service, request: Request, transport: Transport) -> Response:
    """Answer a call, or refuse it. Raises RefusedError, and then the ledger has it already."""
    received_at = time.time()
    account = account_of(service, request)
    model = request.path_params["model"]
    row = Row(uuid4().hex, received_at, account.key, model, transport=transport)
    raw, refusal = b"", None
    try:
        check_head(request, row.model)
        raw = await whole_body(request)
    except RefusedError as error:
        refusal = error
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    service.ledger.add(row)
    judged = None
    if refusal is None and service.faults.read_bodies:
        judged = await service.paint(judge, MODELS[row.model], raw)
    rule = service.faults.take(_seen(request, row, judged))
    call = Call(account, row, raw, origin_of(request), judged)
    if rule is not None and rule.instead:
        return await _in_its_place(service, call, rule, request, refusal)
    if refusal is None:
        return await _run(service, call, rule, request)
    if rule is not None:
        service.faults.give_back(rule)
    refuse(call, refusal.status)
    raise refusal


def _seen(request: Request, row: Row, judged: Judged | None) -> Seen:
    path, prompt, seed = request.url.path, None, None
    if judged is not None:
        prompt, seed = judged.prompt, judged.seed_sent
    return Seen(path, row.key, row.model, prompt, seed)


async def _in_its_place(
    service: Service, call: Call, rule: Rule, request: Request, refusal: RefusedError | None
) -> Response:
    """The fault instead of the call: nothing runs, nothing is charged or counted."""
    row = call.row
    row.state, row.fault = "refused", rule.kind
    if refusal is not None:
        # What a closed connection still holds unread would turn an orderly end into a reset.
        await _read_off(request)
    else:
        judged = call.judged
        if judged is None:
            judged = await service.paint(judge, MODELS[row.model], call.raw)
        row.describe(judged)

    async def answer() -> Response:
        return await service.paint(uncharged_answer, call)

    return FaultyAnswer(service, call.account, rule.effect, answer, row)


async def _run(service: Service, call: Call, rule: Rule | None, request: Request) -> Response:
    if rule is not None:
        call.row.fault = rule.kind
        if isinstance(rule.effect, Fails):
            call = replace(call, fails=rule.effect.error)
    # A task of its own, shielded: nothing that happens to the connection may cancel it.
    served = _SERVED[call.row.transport]
    task = asyncio.ensure_future(served(service, call, request.is_disconnected))
    service.keep_running(task)
    try:
        answer = await asyncio.shield(task)
    except asyncio.CancelledError:
        # Only a stop that has lost patience cancels a request; the client learns no outcome.
        return RefusedError(503, "Shutting down").response()
    except Exception:
        break_off(call.row)
        raise
    if rule is None:
        return answer
    if call.row.state == "refused":
        service.faults.give_back(rule)
        return answer

    async def true_answer() -> Response:
        return answer

    return FaultyAnswer(service, call.account, rule.effect, true_answer, call.row)


async def _read_off(request: Request) -> None:
    try:
        async for _ in request.stream():
            pass
    except (ClientDisconnect, RuntimeError):  # RuntimeError: what is over 30 MB was begun already
        pass
