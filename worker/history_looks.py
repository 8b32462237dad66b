"""One full pass through the provider's history, for all doubts of a model that are due."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from db.doubts import Doubt, Sibling
from jobs import seeds
from jobs.catalog import MODELS, Kind
from jobs.matching import SEED, Call, HistoryStatus, Listed, Standing, Unclear, matched, same_call
from jobs.money import Money
from jobs.shown_inputs import shown
from jobs.timing import SEND_GUARD_SECONDS
from upstream import HistoryRow
from worker.calling import Asking, InputGone, sent_inputs
from worker.parts import Parts

AROUND = timedelta(days=1)
"""Before and after an attempt: clocks and time zones may differ."""
LONGEST_SPAN = timedelta(days=27)
"""Of the attempts of one pass, so that with `AROUND` it fits the history's window of 31 days."""
_WITNESSES = 200
"""Later calls that are looked for in a pass; one of them shows that the history has caught up."""


@dataclass(frozen=True)
class Request:
    """A request of the history: its rows, one per output, put together."""

    id: str
    status: HistoryStatus
    cost: Money | None
    inputs: Mapping[str, Any]
    outputs: tuple[str, ...]
    error: str

    @classmethod
    def of(cls, row: HistoryRow) -> "Request":
        outputs = (row.output,) if row.output else ()
        return cls(row.request_id, row.status, row.cost, row.inputs, outputs, row.error)

    def and_(self, row: HistoryRow) -> "Request":
        """With another row of it: of another output, or a later look at the same."""
        one = Request.of(row)
        return replace(one, outputs=tuple(dict.fromkeys((*self.outputs, *one.outputs))))


@dataclass(frozen=True)
class Look:
    """What a pass came to: for each doubt its request, or why there is none."""

    found: Mapping[UUID, Request | Unclear]
    later_calls: tuple[datetime, ...]
    """When calls were claimed that are settled, and that it lists."""
    seconds: float

    def lists_later_than(self, doubt: Doubt) -> bool:
        """Whether it lists a settled call that was sent after the doubt's."""
        return any(at > _sent_by(doubt) for at in self.later_calls)


def look(parts: Parts, model: str, doubts: Sequence[Doubt]) -> Look:
    """Pass through the history of the days around these (≥ 1) doubts, at most `LONGEST_SPAN` apart.

    Raises `HistoryUnread`, and `Unavailable`.
    """
    began = time.monotonic()
    if model not in MODELS or SEED not in MODELS[model].parameters:
        return Look({one.attempt_id: Unclear.NO_SEED for one in doubts}, (), 0.0)
    calls = {one.attempt_id: _call(parts, one.job, one.seed, one) for one in doubts}
    later = _later(parts, model, doubts)
    mine = {one.request_id for one in doubts if one.request_id}
    wanted = {call.inputs[SEED] for call in (*calls.values(), *later) if call is not None}
    requests = _requests(parts, model, doubts, wanted, mine)
    siblings = [
        call
        for one in parts.doubts.siblings(doubts, AROUND)
        if one.model == model and one.request_id not in requests
        if (call := _call(parts, one, one.seed, one)) is not None
    ]
    held = parts.doubts.held(doubts[0].account_id, requests) - mine
    free = [_listed(one) for one in requests.values() if one.id not in held | mine]
    images = images_of(model)
    verdicts = matched([c for c in calls.values() if c is not None] + siblings, free, images)
    found: dict[UUID, Request | Unclear] = {}
    for doubt in doubts:
        verdict = verdicts.get(str(doubt.attempt_id), Unclear.INPUT_GONE)
        request_id = verdict.request_id if isinstance(verdict, Listed) else ""
        own = requests.get(doubt.request_id or request_id)
        found[doubt.attempt_id] = own or (
            Unclear.MISSING if isinstance(verdict, Listed) else verdict
        )
    listed = [_listed(one) for one in requests.values() if one.status is HistoryStatus.COMPLETED]
    witnesses = [c.claimed_at for c in later if any(same_call(row, c, images) for row in listed)]
    return Look(found, tuple(witnesses), time.monotonic() - began)


def _requests(
    parts: Parts, model: str, doubts: Sequence[Doubt], wanted: set[Any], mine: set[str]
) -> dict[str, Request]:
    """What the history lists with one of these seeds or ids; the rest is not kept in memory."""
    first = min(one.claimed_at for one in doubts) - AROUND
    last = max(one.deadline_at for one in doubts) + AROUND
    found: dict[str, Request] = {}
    for row in parts.segmind.history(model, first.date(), last.date()):
        if row.inputs.get(SEED) in wanted or row.request_id in mine:
            known = found.get(row.request_id)
            found[row.request_id] = known.and_(row) if known else Request.of(row)
    return found


def _later(parts: Parts, model: str, doubts: Sequence[Doubt]) -> list[Call]:
    """Calls that were sent later and are settled: after the first of the doubts and after the last."""
    open_ones = [one for one in doubts if one.is_open]
    if not open_ones:
        return []
    found: dict[UUID, Sibling] = {}
    for doubt in (open_ones[0], open_ones[-1]):
        for one in parts.doubts.sent_later(doubt.account_id, model, _sent_by(doubt), _WITNESSES):
            found[one.attempt_id] = one
    calls = (_call(parts, one, one.seed, one) for one in found.values())
    return [call for call in calls if call is not None]


def _sent_by(doubt: Doubt) -> datetime:
    return doubt.claimed_at + timedelta(seconds=SEND_GUARD_SECONDS)


def images_of(model: str) -> frozenset[str]:
    """The inputs of a model that the history may leave out."""
    parameters = MODELS[model].parameters.values()
    return frozenset(one.name for one in parameters if one.kind is Kind.IMAGE)


def _call(parts: Parts, job: Asking, seed: int | None, attempt: Doubt | Sibling) -> Call | None:
    """None where the image that was sent is no longer kept."""
    try:
        inputs = sent_inputs(parts.inputs, parts.artifacts, job, seed)
    except InputGone:
        return None
    return Call(
        id=str(attempt.attempt_id),
        inputs=shown(inputs),
        standing=attempt.standing if isinstance(attempt, Sibling) else Standing.IN_DOUBT,
        claimed_at=attempt.claimed_at,
        own_seed=job.input.get(SEED, seeds.RANDOM) == seeds.RANDOM,
    )


def _listed(request: Request) -> Listed:
    return Listed(request.id, request.status, request.inputs)
