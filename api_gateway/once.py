"""Requests with an Idempotency-Key: done once, answered alike for 24 hours.

The answer is written in the transaction that does the work, so a gateway that dies before it has
sent the answer leaves both or neither. Two guards let one request through: a lock inside the
transaction on PostgreSQL, and the row's primary key. The keys in flight in this process only answer
earlier, before the same image is decoded twice. A request that is refused is not kept: the same key
may be tried again with what was wrong put right.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import problems
from api_gateway.idempotency_key import HEADER, LONGEST_KEY, fingerprint, key_of
from api_gateway.openapi import Responses, refuses
from api_gateway.parts import Parts, parts_of
from api_gateway.problems import Problem
from db.crash_points import CrashPoint, reached
from db.engine import Database
from db.idempotency import Answer, IdempotencyStore, Kept, Name
from jobs.errors import (
    BatchBudgetExceeded,
    BudgetExceeded,
    InvalidInput,
    Refusal,
    TooManyQueued,
)

T = TypeVar("T")

REPLAYED = "Idempotency-Replayed"
_PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "For 24 hours the same request with the same key gets the first answer again, "
    f"with `{REPLAYED}: true`, and does nothing more. Another request under it is refused (422), "
    "and so is one while the first is under way (409, try again). A refused request leaves the key "
    "free. Quotes around it, as the draft standard has them, are not part of it.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
}


REPLAYS = {REPLAYED: "`true`: this answer was given before, to the same key"}
"""A header of every success of an operation that takes a key."""
IN_USE: Responses = {409: {**refuses(409)[409], "description": problems.KEY_IN_USE.title}}
"""For an operation whose only conflict is that of its key."""


def with_key(extra: dict[str, Any] | None = None, *parameters: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of an operation that takes the header, beside other parameters."""
    return {**(extra or {}), "parameters": [*parameters, _PARAMETER]}


@dataclass(frozen=True)
class Asked:
    """A request that is being answered. `replay` is its answer when that was given before."""

    database: Database
    keys: IdempotencyStore
    tenant_id: UUID
    key: str | None
    fingerprint: str
    replay: Response | None

    def commit(self, act: Callable[[], tuple[T, Answer]]) -> tuple[T | None, Response]:
        """Do `act` and keep its answer, in one transaction; gives what it did and the response.

        What it did is None when another process gave the answer in the meantime. Raises what `act`
        raises, and the 409 problem while another process works under this key.
        """
        if self.key is None:
            with self.database.write():
                did, answer = act()
            reached(CrashPoint.ACCEPTED)
            return did, response_of(answer)
        try:
            return self._commit(self.key, act)
        except _Overtaken:
            winner = self.keys.get(self.tenant_id, self.key)
            if winner is None:
                raise in_use(self.key) from None
            return None, replay_of(winner, self.fingerprint, self.key)

    def _commit(self, key: str, act: Callable[[], tuple[T, Answer]]) -> tuple[T, Response]:
        with self.database.write():
            if not self.keys.take_turn(self.tenant_id, key):
                raise in_use(key)
            # Looked at before, but then without the turn: another process may have been quicker.
            if self.keys.get(self.tenant_id, key) is not None:
                raise _Overtaken
            did, answer = act()
            if not self.keys.keep(self.tenant_id, key, Kept(self.fingerprint, answer)):
                raise _Overtaken
        reached(CrashPoint.ACCEPTED)
        return did, response_of(answer)


class _Overtaken(Exception):  # noqa: N818  # rolls the transaction back, no error
    pass


@asynccontextmanager
async def asked(request: Request, tenant_id: UUID, body: bytes) -> AsyncIterator[Asked]:
    """Look whether this request was answered before; hold its key while it is not.

    `body` is what the request asks with, and was read before: a slow body must hold no key. Raises
    `InvalidInput` for a wrong header, and the 409 and 422 problems of a key that is taken.
    """
    parts = parts_of(request)
    key = key_of(request)
    if key is None:
        yield Asked(parts.database, parts.keys_used, tenant_id, None, "", None)
        return
    print_ = fingerprint(request, body)
    mine = (tenant_id, key)
    _must_be_free(mine, parts.keys_in_flight)
    kept = await run_in_threadpool(parts.keys_used.get, tenant_id, key)
    if kept is not None:
        replay = replay_of(kept, print_, key)
        yield Asked(parts.database, parts.keys_used, tenant_id, key, print_, replay)
        return
    with held(parts, tenant_id, key):
        yield Asked(parts.database, parts.keys_used, tenant_id, key, print_, None)


@contextmanager
def held(parts: Parts, tenant_id: UUID, key: str) -> Iterator[None]:
    """Work under a key in this process; raises the 409 problem when another request does."""
    mine = (tenant_id, key)
    _must_be_free(mine, parts.keys_in_flight)
    parts.keys_in_flight.add(mine)
    try:
        yield
    finally:
        parts.keys_in_flight.discard(mine)


def _must_be_free(mine: Name, in_flight: set[Name]) -> None:
    if mine in in_flight:
        raise in_use(mine[1])


def response_of(answer: Answer) -> Response:
    return Response(
        answer.body, answer.status, headers=answer.headers, media_type="application/json"
    )


def replay_of(kept: Kept, asked_for: str, key: str) -> Response:
    """The kept answer again; raises the 422 problem when it was given to another request."""
    if kept.fingerprint != asked_for:
        raise Problem(
            problems.KEY_REUSED,
            f"The {HEADER} {key!r} was used for another request in the last 24 hours; use a new "
            "key for each new request, and the same key only to repeat the very same one.",
        )
    response = response_of(kept.answer)
    response.headers[REPLAYED] = "true"
    return response


def outcome_of(
    outcome: Answer | Kept | Refusal | None, asked_for: str = "", key: str = ""
) -> Response:
    """What a submit under a key came to; raises the 409 and 422 problems of a key that is taken,
    and why the job was refused.
    """
    match outcome:
        case TooManyQueued() | BudgetExceeded() | BatchBudgetExceeded() | InvalidInput():
            raise outcome
        case Answer():
            return response_of(outcome)
        case Kept():
            return replay_of(outcome, asked_for, key)
        case None:
            raise in_use(key)


def in_use(key: str) -> Problem:
    return Problem(
        problems.KEY_IN_USE,
        f"A request with the {HEADER} {key!r} is under way; ask again for its answer.",
        headers={"Retry-After": "1"},
    )
