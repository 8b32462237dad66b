"""One full pass through the provider's history, for all doubts of a model that are due."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from db.doubt_rows import Doubt, Sibling
from jobs import seeds
from jobs.catalog import MODELS, Kind
from jobs.matching import SEED, Call, HistoryStatus, Listed, Unclear, matched, same_call
from jobs.money import Money
from jobs.shown_inputs import shown
from jobs.timing import SEND_GUARD_SECONDS
from upstream import HistoryRow, Segmind
from worker.calling import Asking, InputGone, sent_inputs
from worker.parts import Parts

AROUND = timedelta(days=1)
"""Before and after an attempt: clocks and time zones may differ."""
LONGEST_SPAN = timedelta(days=27)
"""Of the attempts of one pass, so that with `AROUND` it fits the history's window of 31 days."""
_LONGEST_CALL = timedelta(hours=2)
"""From a claim until the provider has its call: longer than any deadline that can be set."""
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


def look(parts: Parts, segmind: Segmind, model: str, doubts: Sequence[Doubt]) -> Look:
    """Pass through the history of the days around these (≥ 1) doubts of the account that `segmind`
    has the key of, at most `LONGEST_SPAN` apart.

    Raises `HistoryUnread`, and `Unavailable`.
    """
    began = time.monotonic()
    if model not in MODELS or SEED not in MODELS[model].parameters:
        return Look({one.attempt_id: Unclear.NO_SEED for one in doubts}, (), 0.0)
    later = _later(parts, model, doubts)
    calls = {one.attempt_id: _call(parts, one.job, one.seed, one) for one in doubts}
    known = [call for call in (*calls.values(), *(one for _, one in later)) if call is not None]
    history = _read(segmind, model, doubts, {call.inputs[SEED] for call in known})
    requests = history.requests
    # A call whose request is known by its id takes no other row.
    named = {
        one.attempt_id: requests[one.request_id] for one in doubts if one.request_id in requests
    }
    sought = [call for key, call in calls.items() if call is not None and key not in named]
    siblings: list[Call] = []
    unknown: set[int | None] = set()
    for one in parts.doubts.siblings(doubts, AROUND):
        if one.model == model and one.request_id not in requests:
            call = None if one.is_removed else _call(parts, one, one.seed, one)
            if call is None:
                unknown.add(one.seed)
            else:
                siblings.append(call)
    taken = parts.doubts.held(requests) | {one.id for one in named.values()}
    free = [_listed(one) for one in requests.values() if one.id not in taken]
    images = images_of(model)
    verdicts = matched(sought + siblings, free, images)
    found: dict[UUID, Request | Unclear] = {**named}
    seeds_of = {one.attempt_id: one.seed for one in doubts}
    for key in calls.keys() - named.keys():
        verdict = verdicts.get(str(key), Unclear.INPUT_GONE)
        if verdict is Unclear.MISSING and history.skipped:
            verdict = Unclear.UNREADABLE
        if isinstance(verdict, Listed) and seeds_of[key] in unknown:
            # The row may be that of the call of which nobody knows any more what it was made of.
            verdict = Unclear.SIBLING_GONE
        found[key] = requests[verdict.request_id] if isinstance(verdict, Listed) else verdict
    ended = [_listed(one) for one in requests.values() if one.status is HistoryStatus.COMPLETED]
    witnesses = [
        call.claimed_at
        for one, call in later
        if any(_is_surely(row, one, call, images) for row in ended)
    ]
    return Look(found, tuple(witnesses), time.monotonic() - began)


@dataclass(frozen=True)
class _History:
    """What a pass lists that matters here; `skipped` rows could not be read."""

    requests: dict[str, Request]
    skipped: int


def _read(
    segmind: Segmind, model: str, doubts: Sequence[Doubt], chosen: Collection[int]
) -> _History:
    """What the history lists with one of these seeds or of the doubts' ids; the rest is not kept in
    memory.
    """
    first = min(one.claimed_at for one in doubts)
    # A call is made soon after its claim, whatever deadline it was given since.
    last = max(min(one.deadline_at, one.claimed_at + _LONGEST_CALL) for one in doubts)
    mine = {one.request_id for one in doubts}
    found: dict[str, Request] = {}
    rows = segmind.history(model, (first - AROUND).date(), (last + AROUND).date())
    for row in rows:
        seed = row.inputs.get(SEED)
        # Other people's may be anything that JSON has.
        if (isinstance(seed, int | float) and seed in chosen) or row.request_id in mine:
            known = found.get(row.request_id)
            found[row.request_id] = known.and_(row) if known else Request.of(row)
    return _History(found, rows.skipped)


def _later(parts: Parts, model: str, doubts: Sequence[Doubt]) -> list[tuple[Sibling, Call]]:
    """Calls that were sent later and are settled: after the first of the doubts and after the last."""
    open_ones = [one for one in doubts if one.is_open]
    if not open_ones:
        return []
    found: dict[UUID, Sibling] = {}
    for doubt in (open_ones[0], open_ones[-1]):
        for one in parts.doubts.sent_later(doubt.account_id, model, _sent_by(doubt), _WITNESSES):
            found[one.attempt_id] = one
    calls = ((one, _call(parts, one, one.seed, one)) for one in found.values())
    return [(one, call) for one, call in calls if call is not None]


def _is_surely(row: Listed, one: Sibling, call: Call, images: Collection[str]) -> bool:
    """Whether a row is just this call's, and no earlier one's with the same inputs."""
    is_own = call.own_seed or row.request_id == one.request_id
    return is_own and same_call(row, call, images)


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
        standing=attempt.standing,
        claimed_at=attempt.claimed_at,
        own_seed=job.input.get(SEED, seeds.RANDOM) == seeds.RANDOM,
    )


def _listed(request: Request) -> Listed:
    return Listed(request.id, request.status, request.inputs)
