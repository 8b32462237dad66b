"""One call of a model, from its key to its answer: taken in, faulted or served."""

import asyncio
import time
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sandbox.call import Call, run_call
from sandbox.fault_rules import Rule, Seen
from sandbox.faulty import FaultyAnswer
from sandbox.intake import check_head, whole_body
from sandbox.judging import Judged, judge
from sandbox.keys import key_of
from sandbox.ledger import Row
from sandbox.models import MODELS
from sandbox.refusals import RefusedError
from sandbox.service import Service
from sandbox.uncharged import uncharged_answer


async def generate(service: Service, request: Request) -> Response:
    """Answer a call, or refuse it. Raises RefusedError, and then the ledger has it already."""
    received_at = time.time()
    account = service.accounts[key_of(request.headers, service.accounts)]
    row = Row(uuid4().hex, received_at, account.key, request.path_params["model"])
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
    if rule is not None and not rule.runs:
        return await _in_its_place(service, Call(account, row, raw, judged), rule, request, refusal)
    if refusal is None:
        return await _run(service, Call(account, row, raw, judged), rule, request)
    if rule is not None:
        service.faults.give_back(rule)
    row.status = refusal.status
    row.finished_at = time.time()
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
    row.fault = rule.kind
    if refusal is not None:
        # What a closed connection still holds unread would turn an orderly end into a reset.
        await _read_off(request)
    else:
        judged = call.judged
        if judged is None:
            judged = await service.paint(judge, MODELS[row.model], call.raw)
        row.describe(judged)

    async def answer() -> Response:
        return await service.paint(uncharged_answer, call.account, row)

    return FaultyAnswer(service, call.account, rule.effect, answer, row)


async def _run(service: Service, call: Call, rule: Rule | None, request: Request) -> Response:
    if rule is not None:
        call.row.fault = rule.kind
    # A task of its own, shielded: nothing that happens to the connection may cancel it.
    task = asyncio.create_task(run_call(service, call, request.is_disconnected))
    service.running.add(task)
    task.add_done_callback(service.running.discard)
    try:
        answer = await asyncio.shield(task)
    except asyncio.CancelledError:
        # Only a stop that has lost patience cancels a request; the client learns no outcome.
        return RefusedError(503, "Shutting down").response()
    if rule is None:
        return answer
    if answer.status_code != 200:
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
